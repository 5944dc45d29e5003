package org.setun.kernels.reference;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** The order of additions, by values whose sum tells the order. */
class FixedSumsTest {

    private static final float BIG = 0x1p24f; // BIG + 1 == BIG in fp32

    private static double plain(float... x) {
        return FixedSums.plain(OffHeap.of(x), x.length);
    }

    @Test
    void nothingSumsToZero() {
        assertThat(FixedSums.plain(OffHeap.floats(0), 0)).isZero();
        assertThat(FixedSums.squares(OffHeap.floats(0), 0)).isZero();
    }

    @Test
    void aLaneRoundsToFloatButLanesMeetInDouble() {
        float[] x = new float[17];
        x[0] = BIG;
        x[16] = 1; // lane 0 again: absorbed
        assertThat(plain(x)).isEqualTo(BIG);
        x[16] = 0;
        x[15] = 1; // lane 15
        assertThat(plain(x)).isEqualTo((double) BIG + 1);
    }

    @Test
    void lanesRestartWithEachChunkOf4096() {
        float[] x = new float[4097];
        x[0] = BIG;
        x[4096] = 1; // lane 0 of the second chunk
        assertThat(plain(x)).isEqualTo((double) BIG + 1);
        x[4096] = 0;
        x[4080] = 1; // still lane 0 of the first
        assertThat(plain(x)).isEqualTo(BIG);
    }

    @Test
    void lanesFoldByHalves() {
        double big = 0x1p60;
        float[] x = new float[16];
        x[0] = (float) big;
        x[8] = (float) -big; // meets lane 0 first
        x[4] = 1;
        assertThat(plain(x)).isEqualTo(1);
        x[8] = 0;
        x[4] = (float) -big; // second
        x[8] = 1; // absorbed by lane 0 before
        assertThat(plain(x)).isZero();
    }

    @Test
    void chunksCombineInAdjacentPairsAndAnOddOneMovesUp() {
        float big = 0x1p60f;
        float[] x = new float[5 * 4096];
        x[0] = big;
        x[2 * 4096] = -big; // (c0 + c1) + (c2 + c3), then + c4
        x[4096] = 1; // absorbed by c0
        x[4 * 4096] = 1; // survives
        assertThat(plain(x)).isEqualTo(1);
        x[3 * 4096] = 1; // absorbed by c2
        assertThat(plain(x)).isEqualTo(1);
    }

    @Test
    void absoluteAndSquaresAgreeWithAnExactSum() {
        float[] x = OffHeap.toFloats(OffHeap.gaussian(new SplittableRandom(3), 100_003, 1));
        double absolute = Arrays.stream(widened(x)).map(Math::abs).sum();
        double squares = Arrays.stream(widened(x)).map(v -> v * v).sum();
        assertThat(FixedSums.absolute(OffHeap.of(x), x.length)).isCloseTo(absolute, within(absolute * 0x1p-16));
        assertThat(FixedSums.squares(OffHeap.of(x), x.length)).isCloseTo(squares, within(squares * 300 * 0x1p-53));
    }

    private static double[] widened(float[] x) {
        double[] wide = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            wide[i] = x[i];
        }
        return wide;
    }
}
