package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.TernaryMatrixTest.Kind;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

class BlockMatrixTest {

    private static final int M = 37;
    private static final int K = 512;

    /** Words that are halves between 1 and 2: so are the scales, wherever a format keeps them; codes are what they are. */
    private static MemorySegment data(BlockFormat format, Random random) {
        short[] words = new short[(int) format.bytes(M, K) / 2];
        for (int i = 0; i < words.length; i++) {
            words[i] = (short) (0x3c00 + random.nextInt(0x400));
        }
        byte[] bytes = new byte[2 * words.length];
        MemorySegment.copy(MemorySegment.ofArray(words), 0, MemorySegment.ofArray(bytes), 0, bytes.length);
        return MemorySegment.ofArray(bytes);
    }

    private static float[] activations(Random random, int count) {
        float[] x = new float[count];
        for (int i = 0; i < count; i++) {
            x[i] = (float) random.nextGaussian();
        }
        return x;
    }

    private static double dot(float[] w, int row, float[] x, int column, boolean magnitude) {
        double sum = 0;
        for (int i = 0; i < K; i++) {
            double product = (double) w[row * K + i] * x[column * K + i];
            sum += magnitude ? Math.abs(product) : product;
        }
        return sum;
    }

    @ParameterizedTest
    @EnumSource
    void productsAreThoseOfItsValues(Kind kind) {
        for (BlockFormat format : BlockFormat.values()) {
            Random random = new Random(format.code());
            try (Setun setun = kind.open(); BlockMatrix w = setun.ofBlocks(format, data(format, random), M, K)) {
                assertThat(w.rows()).isEqualTo(M);
                assertThat(w.columns()).isEqualTo(K);
                assertThat(w.byteSize()).isEqualTo(format.packedBytes(M, K));
                float[] values = w.values(0, M);
                assertThat(w.values(20, 3)).containsExactly(Arrays.copyOfRange(values, 20 * K, 23 * K));
                float[] x = activations(random, 2 * K);
                float[] rounded = w.matmul(x, 2);
                float[] exact = w.matmulF32(x, 2);
                for (int t = 0; t < 2; t++) {
                    for (int o = 0; o < M; o++) {
                        double expected = dot(values, o, x, t, false);
                        double magnitude = dot(values, o, x, t, true);
                        assertThat((double) exact[t * M + o]).isCloseTo(expected, within((K + 4) * 0x1p-24 * magnitude));
                        // a code is off by at most half a step; errors of random sign add up to far less than the bound
                        assertThat((double) rounded[t * M + o]).isCloseTo(expected, within(0.01 * magnitude));
                        assertThat(rounded[t * M + o]).isNotEqualTo(exact[t * M + o]);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void refusesWhatIsNotAMatrix(BlockFormat format) {
        try (Setun setun = Kind.FREE_THREADED.open()) {
            byte[] bytes = new byte[(int) format.bytes(3, K)];
            MemorySegment data = MemorySegment.ofArray(bytes);
            assertThatIllegalArgumentException().isThrownBy(() -> setun.ofBlocks(format, data.asSlice(1), 3, K))
                    .withMessageContaining("data has " + (bytes.length - 1) + " bytes");
            assertThatIllegalArgumentException().isThrownBy(() -> setun.ofBlocks(format, data, 3, K - 1))
                    .withMessageContaining("k = " + (K - 1) + " is not a multiple of");
            assertThatIllegalArgumentException().isThrownBy(() -> setun.ofBlocks(format, data, -3, K)).withMessageContaining("m = -3");
            try (BlockMatrix w = setun.ofBlocks(format, data, 3, K)) {
                float[] x = new float[K];
                x[7] = Float.NaN;
                assertThatIllegalArgumentException().isThrownBy(() -> w.matmul(x, 1)).withMessageContaining("x[7] = NaN");
                assertThatIllegalArgumentException().isThrownBy(() -> w.values(2, 2)).withMessageContaining("row = 2");
                assertThat(w.matmulF32(x, 1)).containsOnly(Float.NaN);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aScaleThatIsNoNumberMakesItsOutputNone(BlockFormat format) {
        try (Setun setun = Kind.WORKERS.open()) {
            MemorySegment data = data(format, new Random(3));
            data.fill((byte) 0);
            MemorySegment bad = data.asSlice(5 * format.bytes(1, K), format.blockBytes());
            for (long i = 0; i + 2 <= bad.byteSize(); i += 2) {
                bad.set(ValueLayout.JAVA_SHORT_UNALIGNED, i, (short) 0x7e00);
            }
            float[] x = new float[K];
            Arrays.fill(x, 1);
            try (BlockMatrix w = setun.ofBlocks(format, data, M, K)) {
                float[] y = w.matmul(x, 1);
                assertThat(y[5]).isNaN();
                y[5] = 0;
                assertThat(y).containsOnly(0);
            }
        }
    }
}
