package org.setun.formats.tokenizer;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How byte-level BPE cuts text into pieces that no token crosses. The patterns are part of the vocabularies they came with; stages apply
 * one after the other, and what a stage does not match is a piece too.
 */
public enum PreTokenizer {
    /** GPT-2: a word with its leading space, English contractions apart. */
    GPT_2(false, List.of("gpt-2", "phi-2"),
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"),
    /** What llama.cpp does without a name: punctuation apart, then as GPT-2, then numbers by three digits. */
    DEFAULT(false, List.of("default"),
            "[\\p{P}\\$\\+<=>\\^~\\|]+",
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
            "\\p{N}+",
            "[0-9][0-9][0-9]"),
    /** Llama 3: numbers by three digits, line breaks stay with what is before them; whole words that are tokens are not merged. */
    LLAMA_BPE(true, List.of("llama-bpe", "llama3", "llama-v3"),
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
                    + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
    /** Qwen 2: as Llama 3 with single digits. */
    QWEN_2(false, List.of("qwen2"),
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
                    + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");

    /** Takes the pieces in order. */
    @FunctionalInterface
    interface Pieces {
        void piece(int start, int end);
    }

    private final boolean wholeWords;
    private final List<String> names;
    private final List<String> expressions;
    private final List<Pattern> stages;

    PreTokenizer(boolean wholeWords, List<String> names, String... expressions) {
        this.wholeWords = wholeWords;
        this.names = names;
        this.expressions = List.of(expressions);
        // \s of these expressions is Unicode's white space, in Java that of ASCII
        this.stages = Arrays.stream(expressions)
                .map(e -> Pattern.compile(e.replace("\\s", "\\p{IsWhite_Space}").replace("\\S", "\\P{IsWhite_Space}"))).toList();
    }

    /** The pre-tokenizer of a {@code tokenizer.ggml.pre} value; empty if it is not supported. */
    public static Optional<PreTokenizer> named(String name) {
        return Arrays.stream(values()).filter(pre -> pre.names.contains(name)).findFirst();
    }

    /** The pre-tokenizer that consists of one regular expression; empty if none does. */
    static Optional<PreTokenizer> ofExpression(String expression) {
        return Arrays.stream(values()).filter(pre -> pre.expressions.equals(List.of(expression))).findFirst();
    }

    /** The value of {@code tokenizer.ggml.pre}. */
    public String ggufName() {
        return names.getFirst();
    }

    /** The regular expressions, in the notation of Hugging Face's tokenizers. */
    List<String> expressions() {
        return expressions;
    }

    /** Whether a piece that is a token as a whole skips the merges. */
    boolean wholeWords() {
        return wholeWords;
    }

    /** Cuts {@code text} from {@code start} to {@code end}; nothing outside has an influence. */
    void split(CharSequence text, int start, int end, Pieces pieces) {
        split(0, text, start, end, pieces);
    }

    private void split(int stage, CharSequence text, int start, int end, Pieces pieces) {
        if (start == end) {
            return;
        }
        if (stage == stages.size()) {
            pieces.piece(start, end);
            return;
        }
        Matcher matcher = stages.get(stage).matcher(text).region(start, end);
        int done = start;
        while (matcher.find()) {
            split(stage + 1, text, done, matcher.start(), pieces);
            split(stage + 1, text, matcher.start(), matcher.end(), pieces);
            done = matcher.end();
        }
        split(stage + 1, text, done, end, pieces);
    }
}
