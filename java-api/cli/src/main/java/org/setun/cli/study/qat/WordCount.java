package org.setun.cli.study.qat;

/** Counts the words of a text that comes in pieces, as word-level language models do: what blanks separate, and the end of each line. */
final class WordCount {

    private long count;
    private boolean inWord;

    void add(String piece) {
        for (int i = 0; i < piece.length(); i++) {
            char c = piece.charAt(i);
            boolean blank = Character.isWhitespace(c);
            count += (!blank && !inWord ? 1 : 0) + (c == '\n' ? 1 : 0);
            inWord = !blank;
        }
    }

    long count() {
        return count;
    }
}
