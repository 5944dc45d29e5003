package org.setun.quant.activation;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

/** Rows of activations to codes of equally distant levels and back. */
final class RowCodes {

    private static final long SIGNS = 0x8080_8080_8080_8080L;
    private static final long EVEN_BYTES = 0x00ff_00ff_00ff_00ffL;
    private static final long EVEN_SHORTS = 0x0000_ffff_0000_ffffL;
    private static final int WORDS_PER_SUM = 128; // as many pairs of bytes as 16 bits can sum

    private RowCodes() {
    }

    /**
     * The nearest codes of {@code x} F32[n][k].
     *
     * @param scale  F32[g] with g = 1, n, or a multiple of n: of equal parts of x, in order. A NaN makes the values of its part NaN; what is too small
     *               counts as the least scale
     * @param offset F32[g], or null for 0
     */
    static QuantizedRows encode(Backend backend, QuantLevels levels, Tensor x, Tensor scale, @Nullable Tensor offset, Allocator allocator) {
        long n = x.rows();
        long k = x.columns();
        long groups = scale.size();
        long pieces = n == 0 ? 1 : Math.max(1, groups / n);
        boolean shifted = offset != null || levels.shift() != 0;
        QuantizedRows rows = QuantizedRows.allocate(allocator, n, k, pieces, shifted);
        if (x.size() == 0) {
            rows.step().clear();
            rows.sum().clear();
            return rows;
        }
        Tensor codes = rows.codes();
        boolean padded = codes.columns() != k;
        MemorySegment packed = padded ? Tensor.allocate(allocator, DType.I8, n, k).segment() : codes.segment();
        backend.fakeQuantForward(new FakeQuantRule(levels, new Estimator.Identity()), groups, x.size() / groups, x.segment(),
                scale.segment(), offset == null ? null : offset.segment(), null, packed, null);
        if (padded) {
            codes.segment().fill((byte) 0);
            for (long row = 0; row < n; row++) {
                MemorySegment.copy(packed, row * k, codes.segment(), row * codes.columns(), k);
            }
        }
        for (long row = 0; row < n; row++) {
            rows.sum().segment().setAtIndex(JAVA_INT, row, sum(codes.segment(), row * codes.columns(), codes.columns()));
        }
        setSteps(levels, scale, offset, rows);
        return rows;
    }

    /** Refuses a quantizer inside another that would have to know what the other does. */
    static void requireStateless(ActivationQuantizer inner) {
        if (!inner.isStraightThrough() || !inner.buffers().isEmpty()) {
            throw new IllegalArgumentException(
                    inner.name() + " keeps state or changes gradients and cannot stand inside another quantizer");
        }
    }

    private static void setSteps(QuantLevels levels, Tensor scale, @Nullable Tensor offset, QuantizedRows rows) {
        long parts = rows.step().size();
        for (long i = 0; i < parts; i++) {
            long group = scale.size() == 1 ? 0 : i;
            float s = Math.max(scale.segment().getAtIndex(JAVA_FLOAT, group), FakeQuantRule.LEAST_SCALE); // a NaN stays one
            float step = s * (1 / levels.divisions());
            rows.step().segment().setAtIndex(JAVA_FLOAT, i, step);
            if (rows.offset() != null) {
                float base = offset == null ? 0 : offset.segment().getAtIndex(JAVA_FLOAT, group);
                rows.offset().segment().setAtIndex(JAVA_FLOAT, i, base + step * levels.shift());
            }
        }
    }

    /** The sum of {@code count} signed bytes, a multiple of 8: as unsigned ones, eight at a time. */
    private static int sum(MemorySegment bytes, long from, long count) {
        long sum = 0;
        for (long done = 0; done < count;) {
            long end = Math.min(count, done + 8L * WORDS_PER_SUM);
            long shorts = 0;
            for (; done < end; done += 8) {
                long word = bytes.get(JAVA_LONG_UNALIGNED, from + done) ^ SIGNS;
                shorts += (word & EVEN_BYTES) + (word >>> 8 & EVEN_BYTES);
            }
            long ints = (shorts & EVEN_SHORTS) + (shorts >>> 16 & EVEN_SHORTS);
            sum += (ints & 0xffff_ffffL) + (ints >>> 32);
        }
        return (int) (sum - 128 * count);
    }

    /** Writes {@code codes * step + offset} to {@code out} F32[n][k]. */
    static void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
        out.require("out", DType.F32, rows.rows(), rows.columns());
        long parts = rows.step().size();
        if (parts == 0) {
            return;
        }
        long length = out.size() / parts;
        backend.dequantizeRows(rows.codes().segment(), rows.step().segment(), parts, length, out.segment());
        if (rows.offset() != null) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment ones = arena.allocate(JAVA_FLOAT, length);
                backend.fill(ones, length, 1);
                backend.gemmF32(false, false, parts, length, 1, 1, rows.offset().segment(), 1, ones, length, 1, out.segment(), length);
            }
        }
    }
}
