package org.setun.formats.tokenizer;

/** Makes a string well-formed, so that it has one UTF-8 form: a lone surrogate becomes U+FFFD. */
final class WellFormed {

    private WellFormed() {
    }

    static String of(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i)) && isLone(text, i)) {
                return replaced(text);
            }
        }
        return text;
    }

    private static String replaced(String text) {
        char[] chars = text.toCharArray();
        for (int i = 0; i < chars.length; i++) {
            if (Character.isSurrogate(chars[i]) && isLone(text, i)) {
                chars[i] = '\uFFFD';
            }
        }
        return new String(chars);
    }

    private static boolean isLone(String text, int at) {
        return Character.isHighSurrogate(text.charAt(at))
                ? at + 1 == text.length() || !Character.isLowSurrogate(text.charAt(at + 1))
                : at == 0 || !Character.isHighSurrogate(text.charAt(at - 1));
    }
}
