package org.setun.formats.llama2c;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.setun.formats.FormatException;
import org.setun.formats.internal.Cursor;
import org.setun.formats.internal.MappedFile;
import org.setun.formats.tokenizer.Markers;
import org.setun.formats.tokenizer.SpmTokenizer;
import org.setun.formats.tokenizer.TokenKind;
import org.setun.formats.tokenizer.Vocabulary;

/**
 * Reads the {@code tokenizer.bin} of llama2.c: the longest token's length, then score, length and text of each token up to the end of the
 * file. Ids 0, 1 and 2 are unknown, begin and end; 3 to 258 are the bytes.
 */
public final class Llama2cTokenizer {

    private static final int BYTES_FROM = 3;
    private static final int BYTES_TO = BYTES_FROM + 256;
    private static final int MAX_TOKEN = 1 << 16;

    private Llama2cTokenizer() {
    }

    /**
     * Reads a file.
     *
     * @throws FormatException if it is damaged
     * @throws IOException if it cannot be read
     */
    public static SpmTokenizer open(Path path) throws IOException {
        return MappedFile.open(path, (mapping, data) -> {
            try (mapping) {
                return of(data, path.toString());
            }
        });
    }

    /** As {@link #open}, for bytes already in memory; {@code name} stands in messages. */
    public static SpmTokenizer of(MemorySegment data, String name) {
        Cursor in = new Cursor(data, name);
        int longest = in.i32("longest token");
        if (longest <= 0 || longest > MAX_TOKEN) {
            throw new FormatException(name, 0, "longest token", "is " + longest + ", allowed is 1 to " + MAX_TOKEN,
                    "this is not a llama2.c tokenizer");
        }
        List<String> tokens = new ArrayList<>();
        List<TokenKind> kinds = new ArrayList<>();
        List<Float> scores = new ArrayList<>();
        while (in.remaining() > 0) {
            String field = "token " + tokens.size();
            float score = in.f32(field + " score");
            int length = in.i32(field + " length");
            if (length < 0 || length > longest && tokens.size() >= BYTES_TO || Float.isNaN(score)) {
                throw in.error(field, "has the length " + length + " and the score " + score + ", allowed is a length up to " + longest,
                        "the file is damaged");
            }
            kinds.add(kind(tokens.size()));
            tokens.add(in.utf8(length, field).replace(' ', SpmTokenizer.SPACE));
            scores.add(score);
        }
        if (tokens.size() < BYTES_TO) {
            throw in.error("tokens", "are " + tokens.size() + ", at least " + BYTES_TO + " are needed", "the file is truncated");
        }
        float[] array = new float[scores.size()];
        for (int i = 0; i < array.length; i++) {
            array[i] = scores.get(i);
        }
        try {
            return new SpmTokenizer(new Vocabulary(tokens, kinds, new Markers(1, 2, 0, Markers.NONE, true, false)), array, true);
        } catch (IllegalArgumentException e) {
            throw new FormatException(name, FormatException.NO_OFFSET, "tokens", e.getMessage(), "the file is damaged", e);
        }
    }

    private static TokenKind kind(int id) {
        return switch (id) {
            case 0 -> TokenKind.UNKNOWN;
            case 1, 2 -> TokenKind.CONTROL;
            default -> id < BYTES_TO ? TokenKind.BYTE : TokenKind.NORMAL;
        };
    }
}
