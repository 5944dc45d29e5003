package org.setun.training.data;

import java.io.IOException;
import java.io.InputStream;

/**
 * A stretch of bytes {@code [from, to)} of one file, by name. Opened anew each time it is read, so that a corpus of any size needs no memory
 * for its text.
 */
public record Document(String name, long from, long to, Opener opener) {

    /** Opens the file that the document lies in, from its first byte. */
    @FunctionalInterface
    public interface Opener {
        InputStream open() throws IOException;
    }

    public Document {
        if (from < 0 || to < from) {
            throw new IllegalArgumentException("document " + name + ": bytes [" + from + ", " + to + "), must be a range");
        }
    }

    /** Length in bytes. */
    public long bytes() {
        return to - from;
    }

    /** The same file, other bytes of it. */
    public Document range(long newFrom, long newTo) {
        return new Document(name, newFrom, newTo, opener);
    }

    /** The bytes; ends early if the file has shrunk. The caller closes it. */
    public InputStream open() throws IOException {
        InputStream in = opener.open();
        try {
            in.skipNBytes(from);
        } catch (IOException e) {
            in.close();
            throw new IOException(name + ": cannot read from byte " + from, e);
        }
        return new RangeInputStream(in, bytes());
    }
}
