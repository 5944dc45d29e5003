package org.setun.cli.inspect;

/** Text from files on its way to a terminal: names and values that a stranger wrote must not move the cursor or change colours. */
public final class Printable {

    private Printable() {
    }

    /** With control and formatting characters as {@code \}{@code u} and their number; everything else stays. */
    public static String of(String text) {
        return escaped(text, false);
    }

    /** As {@link #of}, but lines stay lines. */
    public static String lines(String text) {
        return escaped(text, true);
    }

    private static String escaped(String text, boolean lines) {
        StringBuilder safe = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            if (lines && c == '\n' || !controls(c)) {
                safe.appendCodePoint(c);
            } else {
                safe.append(String.format("\\u%04x", c));
            }
        });
        return safe.toString();
    }

    /** Formatting characters can reverse the direction of what follows; line and paragraph separators end a line in some terminals. */
    private static boolean controls(int c) {
        int type = Character.getType(c);
        return Character.isISOControl(c) || type == Character.FORMAT || type == Character.LINE_SEPARATOR
                || type == Character.PARAGRAPH_SEPARATOR;
    }
}
