package org.setun.training.event;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import org.setun.training.event.TrainingListener.Control;

/**
 * A file that grows by whole records, beside a run that matters more. A record that cannot be written is dropped and the file
 * cut back to the one before; the run is told at the first of a series, and the next record tries again: a full disk costs some of the log, not the
 * run. Not thread-safe.
 */
final class LogFile implements AutoCloseable {

    private final Path path;
    private final SeekableByteChannel channel;
    private boolean isFailing;

    /** {@code channel} appends to the file, whose name is for messages; closed with this. */
    LogFile(Path path, SeekableByteChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /** Writes a record whole or not at all, and returns whether it did. */
    boolean append(byte[] record, Control control) {
        try {
            long before = channel.size();
            try {
                ByteBuffer rest = ByteBuffer.wrap(record);
                while (rest.hasRemaining()) {
                    channel.write(rest);
                }
            } catch (IOException e) {
                cut(before, e);
                throw e;
            }
            isFailing = false;
            return true;
        } catch (IOException e) {
            if (!isFailing) {
                isFailing = true;
                control.warn("cannot write " + path + ": " + e + ". The run goes on, what cannot be written is missing there; make room");
            }
            return false;
        }
    }

    private void cut(long size, IOException failure) {
        try {
            channel.truncate(size);
        } catch (IOException alsoFailed) {
            failure.addSuppressed(alsoFailed);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
