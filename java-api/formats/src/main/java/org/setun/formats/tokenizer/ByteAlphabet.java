package org.setun.formats.tokenizer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * GPT-2's way to write any byte as a visible character: printable Latin-1 stands for itself, the other 68 bytes take U+0100 and up, in
 * order. Token texts of byte-level BPE are written in it.
 */
final class ByteAlphabet {

    private static final char[] CHARACTERS = new char[256];
    private static final short[] BYTES = new short[0x200];
    private static final int[] ORDER = new int[256];

    static {
        Arrays.fill(BYTES, (short) -1);
        int shown = 0;
        char next = 0x100;
        for (int value = 0; value < 256; value++) {
            boolean printable = value >= '!' && value <= '~' || value >= 0xA1 && value <= 0xAC || value >= 0xAE;
            CHARACTERS[value] = printable ? (char) value : next++;
            BYTES[CHARACTERS[value]] = (short) value;
            if (printable) {
                ORDER[shown++] = value;
            }
        }
        for (int value = 0; value < 256; value++) {
            if (CHARACTERS[value] >= 0x100) {
                ORDER[shown++] = value;
            }
        }
    }

    private ByteAlphabet() {
    }

    /** The character of an unsigned byte. */
    static char character(int value) {
        return CHARACTERS[value];
    }

    /** The byte whose token has {@code id} in GPT-2's order: the printable ones first. */
    static int inOrder(int id) {
        return ORDER[id];
    }

    /** The bytes that {@code text} writes, or {@code null} if it has a character outside the alphabet. */
    static byte @Nullable [] bytes(String text) {
        byte[] bytes = new byte[text.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = text.charAt(i);
            if (c >= BYTES.length || BYTES[c] < 0) {
                return null;
            }
            bytes[i] = (byte) BYTES[c];
        }
        return bytes;
    }

    /** {@code bytes} written in the alphabet. */
    static String text(byte[] bytes) {
        char[] text = new char[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            text[i] = CHARACTERS[Byte.toUnsignedInt(bytes[i])];
        }
        return new String(text);
    }
}
