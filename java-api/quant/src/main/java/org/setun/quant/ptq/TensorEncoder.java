package org.setun.quant.ptq;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.LongConsumer;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.quant.format.QuantizationError;

/**
 * Encodes one tensor a stretch of rows at a time: the threads of a pool read, encode and measure, the caller hashes and writes in order.
 * What is
 * cut where depends on the shape alone, so the bytes and the error are the same for every number of threads; memory is a few stretches.
 */
final class TensorEncoder {

    private static final long STRETCH_BYTES = 1 << 20;
    /** Values of a stretch whose rows are rounded together: enough for the matrix products of an adaptive rounding. */
    private static final long ADAPTIVE_VALUES = 1 << 22;

    private final String file;
    private final PlannedTensor tensor;
    private final MatrixSource source;
    private final long stretch;

    /** An encoder of {@code tensor}, whose format is that of {@code source}; {@code file} stands in messages. */
    TensorEncoder(String file, PlannedTensor tensor, MatrixSource source) {
        this.file = file;
        this.tensor = tensor;
        this.source = source;
        long rows = source.adaptive() == null ? STRETCH_BYTES / tensor.rowBytes() : ADAPTIVE_VALUES / tensor.columns();
        this.stretch = Math.clamp(rows, 1, tensor.rows());
    }

    /** Buffers of one stretch on its way. */
    private final class Slot {
        private final MemorySegment blocks;
        private final float[] row = new float[tensor.columns()];
        private final float[] stored = new float[tensor.columns()];

        Slot(Arena arena) {
            blocks = arena.allocate(stretch * tensor.rowBytes(), 64);
        }
    }

    private record Piece(Slot slot, long bytes, long values, QuantizationError error) {
    }

    /**
     * A tensor that is written.
     *
     * @param energy the sum of the squares of its original values
     */
    record Written(Integrity.Entry entry, double energy) {
    }

    /**
     * Writes the tensor's bytes to {@code channel} from {@code position}.
     *
     * @param threads  how many stretches are worked on at once
     * @param progress receives the number of values done
     * @throws FormatException naming the first value that is NaN or infinite
     */
    Written write(FileChannel channel, long position, ExecutorService pool, int threads, LongConsumer progress) throws IOException {
        MessageDigest digest = Sha256.digest();
        QuantizationError error = new QuantizationError();
        Deque<Future<Piece>> pieces = new ArrayDeque<>();
        try (Arena arena = Arena.ofShared()) {
            Deque<Slot> free = new ArrayDeque<>();
            long stretches = Math.ceilDiv(tensor.rows(), stretch);
            long slots = source.adaptive() == null ? 2L * threads : 1;
            for (int i = 0; i < Math.min(slots, stretches); i++) {
                free.add(new Slot(arena));
            }
            try {
                long at = position;
                for (long started = 0, done = 0, values = 0; done < stretches; done++) {
                    while (started < stretches && !free.isEmpty()) {
                        Slot slot = free.remove();
                        long first = started++ * stretch;
                        pieces.add(pool.submit(() -> encode(slot, first)));
                    }
                    Piece piece = get(pieces.remove());
                    MemorySegment bytes = piece.slot().blocks.asSlice(0, piece.bytes());
                    Sha256.update(digest, bytes);
                    write(channel, at, bytes.asByteBuffer());
                    at += piece.bytes();
                    error.add(piece.error());
                    values += piece.values();
                    progress.accept(values);
                    free.add(piece.slot());
                }
            } finally {
                finish(pieces);
            }
        }
        return new Written(new Integrity.Entry(Sha256.text(digest), (float) error.relative()), error.energy());
    }

    private Piece encode(Slot slot, long first) {
        int count = (int) Math.min(stretch, tensor.rows() - first);
        QuantizationError error = new QuantizationError();
        int columns = tensor.columns();
        try {
            if (source.adaptive() != null) {
                for (int i = 0; i < count; i++) {
                    source.rows().read(first + i, slot.row, 0);
                    requireFinite(file, tensor.name(), first + i, slot.row);
                }
                source.adaptive().encode(source.rows(), first, count, source.importance(), slot.blocks, 0);
            }
            for (int i = 0; i < count; i++) {
                source.rows().read(first + i, slot.row, 0);
                if (source.adaptive() == null) {
                    requireFinite(file, tensor.name(), first + i, slot.row);
                    source.encode(first + i, slot.row, slot.blocks, i * tensor.rowBytes());
                }
                source.format().decode(slot.blocks, i * tensor.rowBytes(), columns, slot.stored, 0);
                error.add(slot.row, 0, slot.stored, 0, columns);
            }
        } catch (IllegalArgumentException e) {
            throw new FormatException(file, FormatException.NO_OFFSET, "tensor '" + tensor.name() + "', rows from " + first,
                    String.valueOf(e.getMessage()), "keep the tensor in a wider type, such as --keep '" + tensor.name() + "=f32'", e);
        }
        return new Piece(slot, count * tensor.rowBytes(), (long) count * columns, error);
    }

    /** Refuses the row of a tensor of a file if a value is NaN or infinite. */
    static void requireFinite(String file, String tensor, long row, float[] values) {
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new FormatException(file, FormatException.NO_OFFSET, "tensor '" + tensor + "'",
                        "holds " + values[i] + " at row " + row + ", column " + i + " (value " + (row * values.length + i) + ")",
                        "the model is damaged or its training diverged");
            }
        }
    }

    private static Piece get(Future<Piece> piece) throws IOException {
        try {
            return piece.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                default -> throw new IOException(e.getCause());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted; the next run goes on from here", e);
        }
    }

    /** Waits until no thread of the pool uses a buffer any more. */
    private static void finish(Deque<Future<Piece>> pieces) {
        boolean interrupted = Thread.interrupted();
        while (!pieces.isEmpty()) {
            try {
                pieces.peek().get();
                pieces.remove();
            } catch (ExecutionException e) {
                pieces.remove(); // the first failure is on its way to the caller
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void write(FileChannel channel, long position, ByteBuffer bytes) throws IOException {
        for (long at = position; bytes.hasRemaining();) {
            at += channel.write(bytes, at);
        }
    }
}
