package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.BlockOps;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.i32;

/** Weights in blocks times activations in blocks of 256. */
final class ReferenceBlock {

    private static final int PARAMETER_BYTES = 64;
    private static final int ROWS = BlockFormat.GROUP_ROWS;
    private static final int VALUES = BlockOps.BLOCK;

    private ReferenceBlock() {
    }

    static void quantize(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        long blocks = BlockOps.blocks(k);
        for (long t = 0; t < n; t++) {
            for (long b = 0; b < blocks; b++) {
                float[] values = Segments.floats(x, t * ldx + b * VALUES, Math.min(VALUES, k - b * VALUES));
                long block = t * blocks + b;
                ReferenceTernary.Rounded rounded = ReferenceTernary.round(values);
                Segments.bytes(rounded.codes(), q, block * VALUES);
                f32(step, block, rounded.step());
                for (int j = 0; j < BlockOps.BLOCK_SUMS; j++) {
                    int total = 0;
                    for (int i = 0; i < 16; i++) {
                        total += rounded.codes()[16 * j + i];
                    }
                    i32(sum, block * BlockOps.BLOCK_SUMS + j, total);
                }
            }
        }
    }

    static void pack(BlockFormat format, int parameter, MemorySegment data, long m, long k, MemorySegment packed) {
        BlockCodec codec = BlockCodec.of(format);
        long blocks = BlockOps.blocks(k);
        long rowBytes = format.bytes(1, k);
        long unitBytes = format.bytes(1, VALUES);
        byte[] parameters = new byte[PARAMETER_BYTES];
        codec.parameters(parameter, parameters);
        Segments.bytes(parameters, packed, 0);
        for (long group = 0; group * ROWS < m; group++) {
            for (long b = 0; b < blocks; b++) {
                byte[] record = new byte[format.recordBytes()];
                for (int row = 0; row < Math.min(ROWS, m - group * ROWS); row++) {
                    long first = (group * ROWS + row) * rowBytes + b * unitBytes;
                    codec.pack(Segments.bytes(data, first, Math.min(unitBytes, rowBytes - b * unitBytes)), row, record);
                }
                Segments.bytes(record, packed, at(format, blocks, group, b));
            }
        }
    }

    static void expand(BlockFormat format, MemorySegment packed, long k, long row, long rows, MemorySegment out) {
        for (long r = 0; r < rows; r++) {
            BlockWeights[] weights = weights(format, packed, k, row + r);
            for (int i = 0; i < k; i++) {
                f32(out, r * k + i, weights[i / VALUES].value(i % VALUES));
            }
        }
    }

    static void gemm(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment q, MemorySegment step, long n,
            @Nullable MemorySegment bias, @Nullable MemorySegment residual, MemorySegment y, long ldy) {
        long blocks = BlockOps.blocks(k);
        byte[][] rows = new byte[Math.toIntExact(n)][];
        for (int t = 0; t < n; t++) {
            rows[t] = Segments.bytes(q, t * blocks * VALUES, blocks * VALUES);
        }
        for (long o = 0; o < m; o++) {
            BlockWeights[] weights = weights(format, packed, k, o);
            for (int t = 0; t < n; t++) {
                float value = 0;
                for (int b = 0; b < blocks; b++) {
                    value += f32(step, t * blocks + b) * weights[b].dot(rows[t], b * VALUES);
                }
                value = bias == null ? value : value + f32(bias, o);
                f32(y, t * ldy + o, residual == null ? value : value + f32(residual, t * ldy + o));
            }
        }
    }

    static void gemmF32(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        for (long o = 0; o < m; o++) {
            BlockWeights[] weights = weights(format, packed, k, o);
            for (long t = 0; t < n; t++) {
                double dot = 0;
                for (int i = 0; i < k; i++) {
                    dot += (double) f32(x, t * ldx + i) * weights[i / VALUES].value(i % VALUES);
                }
                f32(y, t * ldy + o, (float) (bias == null ? dot : dot + f32(bias, o)));
            }
        }
    }

    private static BlockWeights[] weights(BlockFormat format, MemorySegment packed, long k, long row) {
        BlockCodec codec = BlockCodec.of(format);
        byte[] parameters = Segments.bytes(packed, 0, PARAMETER_BYTES);
        BlockWeights[] weights = new BlockWeights[Math.toIntExact(BlockOps.blocks(k))];
        Arrays.setAll(weights, b -> codec.read(parameters,
                Segments.bytes(packed, at(format, weights.length, row / ROWS, b), format.recordBytes()), (int) (row % ROWS)));
        return weights;
    }

    private static long at(BlockFormat format, long blocks, long group, long block) {
        return PARAMETER_BYTES + (group * blocks + block) * format.recordBytes();
    }
}
