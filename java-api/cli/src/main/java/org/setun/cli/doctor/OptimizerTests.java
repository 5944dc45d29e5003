package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.setun.kernels.OptimOps;

import static org.setun.cli.doctor.Operands.byteValues;
import static org.setun.cli.doctor.Operands.join;
import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;
import static org.setun.cli.doctor.SelfTests.M;

/** Self-tests of {@link OptimOps}. */
final class OptimizerTests {

    private static final OptimOps.AdamW STEP = new OptimOps.AdamW(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f);
    private static final long BLOCKS = (K + OptimOps.ADAMW8_BLOCK - 1) / OptimOps.ADAMW8_BLOCK;

    private OptimizerTests() {
    }

    static List<SelfTest> all() {
        return List.of(SelfTest.exact("sums", (b, o) -> {
            MemorySegment x = o.gaussian(10_001);
            MemorySegment sum = o.doubles(1);
            MemorySegment squares = o.doubles(1);
            b.sum(x, 10_001, sum);
            b.sumSquares(x, 10_001, squares);
            MemorySegment factor = o.floats(2);
            b.clipFactor(squares, 1, 1, factor);
            return values(sum, squares, factor);
        }), SelfTest.exact("AdamW", (b, o) -> {
            MemorySegment w = o.gaussian(K);
            MemorySegment m = o.floats(K);
            MemorySegment v = o.floats(K);
            b.adamW(STEP, K, w, o.gaussian(K), m, v, null);
            return values(w, m, v);
        }), SelfTest.exact("8-bit AdamW", (b, o) -> {
            MemorySegment w = o.gaussian(K);
            MemorySegment m = o.bytes(K);
            MemorySegment v = o.bytes(K);
            MemorySegment scales = o.floats(2 * BLOCKS);
            long half = BLOCKS * Float.BYTES;
            for (int t = 0; t < 2; t++) {
                b.adamW8(STEP, K, w, o.gaussian(K), m, v, scales.asSlice(0, half), scales.asSlice(half), null);
            }
            return join(values(w, scales), byteValues(m), byteValues(v));
        }), SelfTest.exact("Adafactor", (b, o) -> {
            MemorySegment w = o.gaussian(M * K);
            MemorySegment row = o.floats(M);
            MemorySegment column = o.floats(K);
            b.adafactor(new OptimOps.Adafactor(1e-3f, 0, 1e-30f, 1, 0.1f), M, K, w, o.gaussian(M * K), row, column, null);
            return values(w, row, column);
        }), SelfTest.exact("SGD", (b, o) -> {
            MemorySegment w = o.gaussian(K);
            MemorySegment m = o.gaussian(K);
            b.sgd(new OptimOps.Sgd(1e-2f, 0.9f, 0.1f, true), K, w, o.gaussian(K), m, null);
            return values(w, m);
        }), SelfTest.exact("Lion", (b, o) -> {
            MemorySegment w = o.gaussian(K);
            MemorySegment m = o.gaussian(K);
            b.lion(new OptimOps.Lion(1e-2f, 0.9f, 0.99f, 0.1f), K, w, o.gaussian(K), m, null);
            return values(w, m);
        }), SelfTest.exact("Adam and its direction", (b, o) -> {
            MemorySegment w = o.gaussian(K);
            MemorySegment m = o.floats(K);
            MemorySegment v = o.floats(K);
            MemorySegment direction = o.floats(K);
            b.adam(STEP, K, w, o.gaussian(K), m, v, null);
            b.adamDirection(STEP, K, w, o.gaussian(K), m, v, null, direction);
            return values(w, m, v, direction);
        }), SelfTest.exact("codes over steps, limits of weights", (b, o) -> {
            MemorySegment previous = o.codes(M * K);
            MemorySegment direction = o.codes(M * K);
            MemorySegment oscillation = o.scales(M * K);
            MemorySegment average = o.gaussian(M * K);
            MemorySegment frozen = o.bytes(M * K).fill(OptimOps.CODE_FREE);
            MemorySegment w = o.gaussian(M * K);
            MemorySegment counts = o.doubles(5);
            b.trackCodes(new OptimOps.CodeTracking(0.1f, 1), M * K, o.codes(M * K), previous, direction, oscillation, average, frozen,
                    counts.asSlice(0, 3 * Double.BYTES));
            b.constrainWeights(new OptimOps.WeightLimit(1, 0, 1), M, K, w, o.scales(M), frozen, counts.asSlice(3 * Double.BYTES));
            return join(values(w, oscillation, average), byteValues(previous), byteValues(direction), byteValues(frozen),
                    values(counts));
        }));
    }
}
