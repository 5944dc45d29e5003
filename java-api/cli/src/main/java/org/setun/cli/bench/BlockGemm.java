package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.BlockOps;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;

/** Weights in blocks times int8 activations; one row of activations is the GEMV. */
final class BlockGemm implements Kernel {

    private static final int CHECKED_PRODUCTS = 64;
    private static final int HALF_ONE = 0x3c00; // words that are halves between 1 and 2: so are the scales, wherever a format keeps them
    private static final int HALF_BITS = 0x400;
    private static final long WORDS = 65_521; // random ones, then repeated
    private static final double TOLERANCE = 1e-5;

    private final BlockFormat format;

    BlockGemm(BlockFormat format) {
        this.format = format;
    }

    @Override
    public String name() {
        return "block_gemm_" + format.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long m = shape.m();
        long k = shape.k() / BlockOps.BLOCK * BlockOps.BLOCK;
        long bytes = format.packedBytes(m, k);
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment weights = operands.set(bytes, copies);
        backend.blockPack(format, 0, data(operands, m, k), m, k, weights.asSlice(0, bytes));
        Operands.repeat(weights, bytes);
        long blocks = BlockOps.blocks(k);
        MemorySegment q = operands.bytes(n * k);
        MemorySegment step = operands.floats(n * blocks);
        MemorySegment sum = operands.floats(n * blocks * BlockOps.BLOCK_SUMS);
        backend.quantizeBlocks(operands.gaussian(n * k), n, k, k, q, step, sum);
        MemorySegment y = operands.floats(n * m);
        backend.blockGemm(format, weights.asSlice(0, bytes), m, k, q, step, sum, n, null, null, y, m);
        check(operands, weights.asSlice(0, bytes), m, k, q, step, n, y);
        return new Work(format.name().toLowerCase(Locale.ROOT), (double) m * k * n, MachineLimit.DOT_INT8, Work.Traffic.read(bytes),
                weights,
                copies, "bound",
                index -> backend.blockGemm(format, Work.piece(weights, copies, index), m, k, q, step, sum, n, null, null, y,
                        m));
    }

    private MemorySegment data(Operands operands, long m, long k) {
        MemorySegment data = operands.bytes(format.bytes(m, k));
        long words = Math.min(WORDS, data.byteSize() / Short.BYTES);
        for (long i = 0; i < words; i++) {
            data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (HALF_ONE + operands.random().nextInt(HALF_BITS)));
        }
        Operands.repeat(data, words * Short.BYTES);
        return data;
    }

    private void check(Operands operands, MemorySegment weights, long m, long k, MemorySegment q, MemorySegment step, long n,
            MemorySegment y) {
        MemorySegment row = operands.floats(k);
        for (int i = 0; i < CHECKED_PRODUCTS; i++) {
            long t = operands.random().nextLong(n);
            long o = operands.random().nextLong(m);
            operands.backend().blockExpand(format, weights, m, k, o, 1, row);
            double expected = 0;
            double magnitude = 0;
            for (long j = 0; j < k; j++) {
                double x = (double) q.get(ValueLayout.JAVA_BYTE, t * k + j)
                        * step.getAtIndex(ValueLayout.JAVA_FLOAT, (t * k + j) / BlockOps.BLOCK);
                expected += x * row.getAtIndex(ValueLayout.JAVA_FLOAT, j);
                magnitude += Math.abs(x * row.getAtIndex(ValueLayout.JAVA_FLOAT, j));
            }
            boolean right = Math.abs(y.getAtIndex(ValueLayout.JAVA_FLOAT, t * m + o) - expected) <= TOLERANCE * magnitude;
            Operands.require(right, name() + " " + m + "x" + k + " n = " + n);
        }
    }
}
