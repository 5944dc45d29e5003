package org.setun.inference;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Turns the bytes of one token after another into text: bytes of an unfinished character wait for the next token. */
final class Utf8Pieces {

    private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private ByteBuffer pending = ByteBuffer.allocate(64);

    /** The characters that {@code bytes} complete; wrong bytes become U+FFFD. */
    String append(byte[] bytes) {
        if (pending.remaining() < bytes.length) {
            ByteBuffer larger = ByteBuffer.allocate(2 * (pending.position() + bytes.length));
            pending = larger.put(pending.flip());
        }
        return decode(pending.put(bytes).flip(), false);
    }

    /** What is left at the end: U+FFFD for an unfinished character, otherwise nothing. */
    String finish() {
        String rest = decode(pending.flip(), true);
        decoder.reset();
        return rest;
    }

    private String decode(ByteBuffer bytes, boolean end) {
        CharBuffer chars = CharBuffer.allocate(bytes.remaining() + 1);
        decoder.decode(bytes, chars, end);
        bytes.compact();
        return chars.flip().toString();
    }
}
