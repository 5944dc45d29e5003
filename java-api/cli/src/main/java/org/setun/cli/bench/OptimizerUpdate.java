package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.OptimOps;

/** One update of a matrix by an optimizer. Weights and state are read and written where they lie, gradients are read. */
final class OptimizerUpdate implements Kernel {

    /** The optimizers, with the bytes of state for a value. */
    enum Kind {
        ADAMW(8), SGD(4), LION(4), ADAFACTOR(0), ADAMW8BIT(2);

        private final int stateBytes;

        Kind(int stateBytes) {
            this.stateBytes = stateBytes;
        }
    }

    private static final OptimOps.AdamW ADAM = new OptimOps.AdamW(1e-6f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.142625f);
    private static final int WEIGHT_AND_GRADIENT = 2 * Float.BYTES;

    private final Kind kind;

    OptimizerUpdate(Kind kind) {
        this.kind = kind;
    }

    @Override
    public String name() {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public boolean dependsOnRows() {
        return false;
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        long count = shape.m() * shape.k();
        long bytes = (count * (WEIGHT_AND_GRADIENT + kind.stateBytes) + 63) / 64 * 64; // pieces stay aligned whatever the shape
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment set = operands.set(bytes, copies);
        MemorySegment scales = operands.floats(2 * count / OptimOps.ADAMW8_BLOCK + 2);
        MemorySegment moments = operands.floats(shape.m() + shape.k());
        MemorySegment gaussian = operands.gaussian(2 * count);
        for (int i = 0; i < copies; i++) {
            MemorySegment piece = Work.piece(set, copies, i);
            piece.copyFrom(gaussian);
            piece.asSlice(gaussian.byteSize()).fill((byte) 0); // written to, so that it has pages of its own
        }
        MemorySegment first = Work.piece(set, copies, 0);
        float before = first.get(ValueLayout.JAVA_FLOAT, 0);
        update(operands.backend(), shape, first, scales, moments);
        float change = Math.abs(first.get(ValueLayout.JAVA_FLOAT, 0) - before);
        Operands.require(change > 0 && change < 1e-4f * Math.max(1, Math.abs(before)), name() + " " + shape);
        long moved = bytes + bytes - count * Float.BYTES; // gradients are not written
        long passes = kind == Kind.ADAFACTOR ? 2 * count * Float.BYTES : 0; // over the gradients, before that of the update
        return new Work("fp32", 0, null, new Work.Traffic(moved + passes, 1, true, true), set, copies, "bound",
                index -> update(operands.backend(), shape, Work.piece(set, copies, index), scales, moments));
    }

    private void update(NativeBackend backend, Shape shape, MemorySegment piece, MemorySegment scales, MemorySegment moments) {
        long count = shape.m() * shape.k();
        long floats = count * Float.BYTES;
        MemorySegment w = piece.asSlice(0, floats);
        MemorySegment g = piece.asSlice(floats, floats);
        MemorySegment state = piece.asSlice(2 * floats);
        switch (kind) {
            case ADAMW -> backend.adamW(ADAM, count, w, g, state.asSlice(0, floats), state.asSlice(floats), null);
            case SGD -> backend.sgd(new OptimOps.Sgd(1e-6f, 0.9f, 0.1f, false), count, w, g, state, null);
            case LION -> backend.lion(new OptimOps.Lion(1e-6f, 0.9f, 0.99f, 0.1f), count, w, g, state, null);
            case ADAFACTOR -> {
                long rows = shape.m() * Float.BYTES;
                backend.adafactor(new OptimOps.Adafactor(1e-6f, 0.5f, 1e-30f, 1, 0.1f), shape.m(), shape.k(), w, g,
                        moments.asSlice(0, rows),
                        moments.asSlice(rows), null);
            }
            case ADAMW8BIT -> {
                long half = scales.byteSize() / (2 * Float.BYTES) * Float.BYTES;
                backend.adamW8(ADAM, count, w, g, state.asSlice(0, count), state.asSlice(count), scales.asSlice(0, half),
                        scales.asSlice(half), null);
            }
        }
    }
}
