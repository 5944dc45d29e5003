package org.setun.training.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.setun.training.config.TrainingConfig.InvalidUtf8;

/**
 * Reads a document piece by piece: each piece ends after a line end, or failing that between two characters, and has at most
 * {@value #MAX_BYTES} bytes, so that a document of any length needs constant memory.
 */
final class TextPieces {

    static final int MAX_BYTES = 1 << 20;

    /** Receives the pieces of a document in order. */
    @FunctionalInterface
    interface Sink {
        void accept(String text) throws IOException;
    }

    private TextPieces() {
    }

    /** Feeds {@code document} to {@code sink}; {@link InvalidUtf8#SKIP} behaves as {@link InvalidUtf8#ERROR}, see {@link #isUtf8}. */
    static void read(Document document, InvalidUtf8 invalid, Sink sink) throws IOException {
        byte[] buffer = new byte[(int) Math.min(MAX_BYTES, document.bytes() + 1)];
        int kept = 0;
        long done = 0;
        try (InputStream in = document.open()) {
            while (true) {
                int count = in.readNBytes(buffer, kept, buffer.length - kept);
                int available = kept + count;
                boolean last = available < buffer.length;
                int end = last ? available : boundary(buffer, available);
                if (end > 0) {
                    sink.accept(decode(document, done, buffer, end, invalid));
                }
                if (last) {
                    return;
                }
                System.arraycopy(buffer, end, buffer, 0, available - end);
                kept = available - end;
                done += end;
            }
        }
    }

    /** Whether every byte of {@code document} belongs to well-formed UTF-8. */
    static boolean isUtf8(Document document) throws IOException {
        try {
            read(document, InvalidUtf8.ERROR, text -> {
            });
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    private static int boundary(byte[] buffer, int length) {
        for (int i = length; i > length / 2; i--) {
            if (buffer[i - 1] == '\n') {
                return i;
            }
        }
        return characterBoundary(buffer, length);
    }

    /** The largest end, at most 3 bytes before {@code length}, that does not cut a UTF-8 sequence. */
    static int characterBoundary(byte[] buffer, int length) {
        int start = length - 1;
        while (start > Math.max(length - 4, 0) && (buffer[start] & 0xC0) == 0x80) {
            start--;
        }
        int lead = buffer[start] & 0xFF;
        int needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
        return start + needed > length ? start : length;
    }

    private static String decode(Document document, long done, byte[] buffer, int length, InvalidUtf8 invalid)
            throws CharacterCodingException {
        if (invalid == InvalidUtf8.REPLACE) {
            return new String(buffer, 0, length, StandardCharsets.UTF_8);
        }
        ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, length);
        try {
            return StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT).decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new InvalidTextException(document.name(), document.from() + done + bytes.position());
        }
    }

    /** The raw bytes of a document in buffers of at most {@value #MAX_BYTES}. */
    static void readBytes(Document document, java.util.function.Consumer<byte[]> sink) throws IOException {
        try (InputStream in = document.open()) {
            byte[] buffer = new byte[(int) Math.min(MAX_BYTES, Math.max(document.bytes(), 1))];
            for (int count = in.readNBytes(buffer, 0, buffer.length); count > 0; count = in.readNBytes(buffer, 0, buffer.length)) {
                sink.accept(count == buffer.length ? buffer : Arrays.copyOf(buffer, count));
            }
        }
    }
}
