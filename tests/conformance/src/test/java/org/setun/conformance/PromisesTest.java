package org.setun.conformance;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.Isa;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.NnOps.Rope;
import org.setun.kernels.PiGrid;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;
import org.setun.kernels.internal.TernaryChecks;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Promises of docs/numerics.md that the grid does not reach. */
class PromisesTest {

    private static final Backend REFERENCE = new ReferenceBackend();

    @ParameterizedTest
    @EnumSource
    void theLongestRowOfTheLargestCodesDoesNotOverflow(Isa isa) {
        Backend backend = Tiers.require(isa, 1);
        int k = (int) TernaryChecks.MAX_K;
        byte[] ones = new byte[k];
        Arrays.fill(ones, (byte) 1);
        MemorySegment packed = OffHeap.bytes(TernaryOps.packedBytes(1, k));
        backend.ternaryPack(OffHeap.of(ones), 1, k, packed);
        MemorySegment q = OffHeap.bytes(TernaryOps.paddedK(k));
        q.asSlice(0, k).fill((byte) 127);
        MemorySegment acc = OffHeap.bytes(4);
        MemorySegment y = OffHeap.floats(1);
        backend.ternaryGemm(packed, 1, k, OffHeap.of(1f), q, OffHeap.of(1f), OffHeap.of(127 * k), 1, null, null, y, 1, acc);
        assertThat(OffHeap.toInts(acc)).containsExactly(127 * k);
        assertThat(OffHeap.toFloats(y)).containsExactly((float) (127 * k));
    }

    @ParameterizedTest
    @EnumSource
    void rmsNormOfHugeAndTinyRowsStaysAccurate(Isa isa) {
        Backend backend = Tiers.require(isa, 1);
        int d = 100;
        for (double sigma : new double[]{1e25, 1e-25}) {
            MemorySegment x = OffHeap.gaussian(new SplittableRandom(7), d, sigma);
            MemorySegment w = OffHeap.gaussian(new SplittableRandom(8), d, 1);
            MemorySegment y = OffHeap.floats(d);
            MemorySegment expected = OffHeap.floats(d);
            backend.rmsNormForward(x, w, 1, d, 0, y, null);
            REFERENCE.rmsNormForward(x, w, 1, d, 0, expected, null);
            for (int i = 0; i < d; i++) {
                float exact = expected.getAtIndex(JAVA_FLOAT, i);
                assertThat(y.getAtIndex(JAVA_FLOAT, i)).isCloseTo(exact, within(Math.abs(exact) * (d / 2f + 8) * 0x1p-24f));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void ignoredRowsAreZeroWhateverTheyHold(Isa isa) {
        Backend backend = Tiers.require(isa, 1);
        float[] logits = new float[2 * 40];
        Arrays.fill(logits, 0, 40, Float.NaN);
        MemorySegment loss = OffHeap.floats(2);
        MemorySegment gradient = OffHeap.floats(80);
        backend.crossEntropy(OffHeap.of(logits), OffHeap.of(-1, 3), 2, 40, loss, gradient, 1);
        assertThat(OffHeap.toFloats(loss)[0]).isZero();
        assertThat(OffHeap.toFloats(loss)[1]).isCloseTo((float) Math.log(40), within(1e-5f));
        assertThat(Arrays.copyOf(OffHeap.toFloats(gradient), 40)).containsOnly(0f);
    }

    @ParameterizedTest
    @EnumSource
    void elementwiseOperationsMayWriteOntoAnInput(Isa isa) {
        Backend backend = Tiers.require(isa, 1);
        int n = 77;
        MemorySegment a = OffHeap.gaussian(new SplittableRandom(9), n, 1);
        MemorySegment b = OffHeap.gaussian(new SplittableRandom(10), n, 1);
        MemorySegment apart = OffHeap.floats(n);
        backend.gluForward(Glu.SILU, a, b, 1, n, apart);
        MemorySegment onto = OffHeap.of(OffHeap.toFloats(a));
        backend.gluForward(Glu.SILU, onto, b, 1, n, onto);
        assertThat(onto.mismatch(apart)).isEqualTo(-1);
        backend.reluForward(a, n, apart);
        backend.reluForward(a, n, a);
        assertThat(a.mismatch(apart)).isEqualTo(-1);
        backend.axpby(0.5f, a, 0, a, n);
        assertThat(a.getAtIndex(JAVA_FLOAT, 0)).isEqualTo(0.5f * apart.getAtIndex(JAVA_FLOAT, 0));
    }

    /** Each power has its own passes; several rows run as one, past what is transformed at a time in the first-level cache. */
    @ParameterizedTest
    @EnumSource
    void rowsOfEveryPowerOfTwoHaveTheBitsOfTheReference(Isa isa) {
        Backend backend = Tiers.require(isa, 1);
        for (int n = 1; n <= 1 << 14; n *= 2) {
            int rows = (1 << 13) / n + 2;
            MemorySegment x = OffHeap.gaussian(new SplittableRandom(n), rows * n, 1);
            MemorySegment signs = OffHeap.bytes(HadamardOps.signBytes(n));
            backend.hadamardSigns(HadamardOps.SignGenerator.SPLITMIX64, n, n, signs);
            for (MemorySegment with : new MemorySegment[]{null, signs}) {
                MemorySegment expected = OffHeap.floats(rows * n);
                REFERENCE.hadamard(Element.F32, false, x, n, with, rows, n, expected, n);
                MemorySegment y = OffHeap.floats(rows * n);
                backend.hadamard(Element.F32, false, x, n, with, rows, n, y, n);
                assertThat(y.mismatch(expected)).as("n = %d, signs %s", n, with != null).isEqualTo(-1);
            }
        }
    }

    /** Passes within the first-level cache, the second, and beyond. */
    @ParameterizedTest
    @EnumSource
    void longHadamardRowsHaveTheBitsOfTheReference(Isa isa) {
        Backend backend = Tiers.require(isa, 1);
        for (int n : new int[]{1 << 13, 1 << 17, 1 << 20, 12 << 15}) {
            MemorySegment x = OffHeap.gaussian(new SplittableRandom(n), n, 1);
            MemorySegment expected = OffHeap.floats(n);
            REFERENCE.hadamard(Element.F32, true, x, n, null, 1, n, expected, n);
            backend.hadamard(Element.F32, true, x, n, null, 1, n, x, n);
            assertThat(x.mismatch(expected)).as("n = %d", n).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void badContentsAreRefusedAndNothingIsWritten(Isa isa) {
        Backend backend = Tiers.require(isa, 1);
        MemorySegment some = OffHeap.floats(64);
        MemorySegment out = OffHeap.bytes(256).fill((byte) 9);
        MemorySegment threes = OffHeap.bytes(66).fill((byte) 0xff);
        assertThatThrownBy(() -> backend.ternaryDecode(TernaryFormat.TQ2_0, threes, 1, 256, out, OffHeap.of(1f)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> backend.ternaryPack(OffHeap.of(new byte[]{0, 3}), 1, 2, out)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> backend.embeddingForward(OffHeap.of(0, 5), 2, some, 2, 2, out))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("ids[1] = 5");
        assertThatThrownBy(() -> backend.crossEntropy(some, OffHeap.of(-2), 1, 2, out, null, 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("targets[0] = -2");
        assertThatThrownBy(() -> backend.rope(out, 1, 1, 2, 2, OffHeap.of(-1), 1e4f, Rope.HALVES, false))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("positions[0] = -1");
        assertThat(OffHeap.toBytes(out)).containsOnly(9);
    }

    /** Large outputs are written past the caches: the same values, aligned or not. */
    @ParameterizedTest
    @EnumSource
    void manyPiBlocksDequantizeAsFewDo(Isa isa) {
        Backend backend = Tiers.require(isa, 2);
        int k = 8500 * PiGrid.BLOCK;
        for (PiGrid grid : new PiGrid[]{PiGrid.uniform(3), PiGrid.tangent(2, 8)}) {
            byte[] bytes = new byte[k / PiGrid.BLOCK * grid.blockBytes()];
            new Random(3).nextBytes(bytes);
            MemorySegment blocks = OffHeap.of(bytes);
            MemorySegment expected = OffHeap.floats(k);
            REFERENCE.piDequantize(grid, blocks, 1, k, expected, k);
            for (int offset = 0; offset < 2; offset++) {
                MemorySegment y = OffHeap.floats(k + 1).asSlice(4L * offset, 4L * k);
                backend.piDequantize(grid, blocks, 1, k, y, k);
                for (int i = 0; i < k; i++) {
                    int bits = Float.floatToIntBits(y.getAtIndex(JAVA_FLOAT, i)); // any NaN equals any NaN
                    if (bits != Float.floatToIntBits(expected.getAtIndex(JAVA_FLOAT, i))) {
                        throw new AssertionError("value " + i + " of " + grid);
                    }
                }
            }
        }
    }
}
