package org.setun.formats.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Decodes ids as they come and holds back the bytes of a character that is not complete yet. For one stream and one thread. */
public final class StreamingDecoder {

    private static final int LONGEST_CHARACTER = 4;

    private final Tokenizer tokenizer;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private ByteBuffer pending = ByteBuffer.allocate(LONGEST_CHARACTER).limit(0);
    private boolean dropSpace;

    /**
     * @param tokenizer gives the bytes
     * @param dropSpace whether one space at the very start is the encoder's own and is left out
     */
    StreamingDecoder(Tokenizer tokenizer, boolean dropSpace) {
        this.tokenizer = tokenizer;
        this.dropSpace = dropSpace;
    }

    /** The characters that {@code id} completes; may be empty. */
    public String accept(int id) {
        byte[] bytes = tokenizer.bytes(id);
        int from = 0;
        if (bytes.length > 0) {
            from = dropSpace && bytes[0] == ' ' ? 1 : 0;
            dropSpace = false;
        }
        ByteBuffer input = ByteBuffer.allocate(pending.remaining() + bytes.length - from);
        input.put(pending).put(bytes, from, bytes.length - from).flip();
        CharBuffer text = CharBuffer.allocate(input.remaining() + 1);
        decoder.decode(input, text, false);
        pending = input;
        return text.flip().toString();
    }

    /** Ends the stream: an incomplete character becomes U+FFFD. The decoder is not usable afterwards. */
    public String finish() {
        CharBuffer text = CharBuffer.allocate(pending.remaining() + 2);
        decoder.decode(pending, text, true);
        decoder.flush(text);
        return text.flip().toString();
    }
}
