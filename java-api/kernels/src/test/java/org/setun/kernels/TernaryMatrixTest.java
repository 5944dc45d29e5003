package org.setun.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.reference.ReferenceBackend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class TernaryMatrixTest {

    /** What {@code Setun.open()} may give. */
    enum Kind {
        WORKERS, FREE_THREADED, REFERENCE;

        Setun open() {
            return new Setun(switch (this) {
                case WORKERS -> NativeBackend.create(new BackendOptions(2, null, null));
                case FREE_THREADED -> NativeBackend.create(new BackendOptions(0, null, null));
                case REFERENCE -> new ReferenceBackend();
            }, Long.MAX_VALUE);
        }
    }

    private static float[] values(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** The formulas of setun/ternary.h over whole matrices, in double. */
    private static double exactDot(TernaryMatrix w, byte[] codes, float[] x, int row, int output) {
        int k = (int) w.columns();
        double sum = 0;
        for (int i = 0; i < k; i++) {
            sum += (double) x[row * k + i] * codes[output * k + i];
        }
        return sum * w.gamma();
    }

    @ParameterizedTest
    @EnumSource
    void anotherLayoutHoldsTheSameMatrix(Kind kind) {
        int m = 37;
        int k = 300;
        Random random = new Random(9);
        float[] x = values(random, 7 * k);
        try (Setun setun = kind.open()) {
            TernaryMatrix planes = setun.quantize(values(random, m * k), m, k);
            TernaryMatrix dense = planes.to(PackedLayout.DENSE);
            assertThat(dense.layout()).isEqualTo(PackedLayout.DENSE);
            assertThat(dense).hasToString(planes.toString().replace("]", ", DENSE]"));
            assertThat(dense.gamma()).isEqualTo(planes.gamma());
            assertThat(dense.codes()).isEqualTo(planes.codes());
            assertThat(dense.encode(TernaryFormat.HF_U8)).isEqualTo(planes.encode(TernaryFormat.HF_U8));
            for (int n : new int[]{1, 7}) {
                float[] rows = Arrays.copyOf(x, n * k);
                assertThat(dense.matmul(rows, n)).isEqualTo(planes.matmul(rows, n));
                assertThat(dense.matmulF32(rows, n)).isEqualTo(planes.matmulF32(rows, n));
            }
            assertThat(dense.to(PackedLayout.PLANES).codes()).isEqualTo(planes.codes());
        }
    }

    @ParameterizedTest
    @EnumSource
    void theTenLinesOfTheReadme(Kind kind) {
        int m = 37;
        int k = 300;
        int n = 3;
        Random random = new Random(1);
        float[] weights = values(random, m * k);
        float[] x = values(random, n * k);
        try (Setun setun = kind.open()) {
            TernaryMatrix w = setun.quantize(weights, m, k);
            float[] y = w.matmul(x, n);

            assertThat(y).hasSize(n * m);
            byte[] codes = w.codes();
            double mean = 0;
            for (float v : weights) {
                mean += Math.abs(v) / (m * k);
            }
            assertThat((double) w.gamma()).isCloseTo(mean, within(1e-5));
            float[] exact = w.matmulF32(x, n);
            for (int row = 0; row < n; row++) {
                float largest = 0;
                double sum = 0;
                for (int i = 0; i < k; i++) {
                    largest = Math.max(largest, Math.abs(x[row * k + i]));
                    sum += Math.abs(x[row * k + i]);
                }
                for (int o = 0; o < m; o++) {
                    double expected = exactDot(w, codes, x, row, o);
                    // Half a step of int8 per activation; (k + 2) roundings in fp32.
                    assertThat((double) y[row * m + o]).isCloseTo(expected, within(0.51 * largest / 127 * k * w.gamma()));
                    assertThat((double) exact[row * m + o]).isCloseTo(expected, within((k + 2) * Math.pow(2, -24) * w.gamma() * sum));
                }
            }
        }
    }

    @Test
    void allBackendsGiveTheSameBits() {
        Random random = new Random(2);
        float[] weights = values(random, 65 * 513);
        float[] x = values(random, 4 * 513);
        List<float[]> results = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            try (Setun setun = kind.open(); TernaryMatrix w = setun.quantize(weights, 65, 513)) {
                results.add(w.matmul(x, 4));
            }
        }
        assertThat(results).allSatisfy(r -> assertThat(r).containsExactly(results.getFirst()));
    }

    @Test
    void segmentsOnAndOffTheHeapGiveTheSame() {
        Random random = new Random(3);
        float[] weights = values(random, 8 * 256);
        float[] x = values(random, 2 * 256);
        try (Setun setun = Kind.WORKERS.open(); Arena arena = Arena.ofConfined()) {
            TernaryMatrix fromArray = setun.quantize(weights, 8, 256);
            float[] expected = fromArray.matmul(x, 2);
            MemorySegment offHeap = arena.allocateFrom(ValueLayout.JAVA_FLOAT, weights);
            TernaryMatrix w = setun.quantize(offHeap, 8, 256);
            MemorySegment xs = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
            MemorySegment ys = arena.allocate(4 * 2 * 8 + 4, 4);
            w.matmul(xs, ys, 2);
            assertThat(ys.asSlice(0, 64).toArray(ValueLayout.JAVA_FLOAT)).containsExactly(expected);
            MemorySegment unaligned = arena.allocate(4 * 2 * 256 + 1, 1).asSlice(1).copyFrom(xs);
            MemorySegment yUnaligned = arena.allocate(4 * 2 * 8 + 1, 4).asSlice(1);
            w.matmul(unaligned, yUnaligned, 2);
            assertThat(yUnaligned.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsExactly(expected);
            w.matmulF32(unaligned, yUnaligned, 2);
            assertThat(yUnaligned.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsExactly(w.matmulF32(x, 2));
        }
    }

    @ParameterizedTest
    @CsvSource({"0,0,0", "0,5,2", "5,0,2", "5,7,0", "1,1,1"})
    void smallShapesWork(int m, int k, int n) {
        for (Kind kind : Kind.values()) {
            try (Setun setun = kind.open(); TernaryMatrix w = setun.quantize(new float[m * k], m, k)) {
                assertThat(w.matmul(new float[n * k], n)).containsOnly(new float[n * m]).hasSize(n * m);
                assertThat(w.matmulF32(new float[n * k], n)).hasSize(n * m);
                assertThat(w.codes()).hasSize(m * k);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = "HF_U8", mode = EnumSource.Mode.EXCLUDE)
    void interchangeFormatsKeepTheMatrix(TernaryFormat format) {
        byte[] codes = new byte[3 * 512];
        Random random = new Random(4);
        for (int i = 256; i < codes.length; i++) { // the first block is all zeros
            codes[i] = (byte) (random.nextInt(3) - 1);
        }
        for (Kind kind : Kind.values()) {
            try (Setun setun = kind.open()) {
                TernaryMatrix w = setun.ofCodes(codes, 3, 512, 0.25f); // exact in f16
                byte[] data = w.encode(format);
                assertThat(data).hasSize((int) format.bytes(3, 512));
                TernaryMatrix back = setun.decode(format, MemorySegment.ofArray(data), 3, 512);
                assertThat(back.codes()).containsExactly(codes);
                assertThat(back.gamma()).isEqualTo(0.25f);
            }
        }
    }

    @Test
    void aScaleBeyondHalfPrecisionIsRefusedWhereTheFormatCannotHoldIt() {
        try (Setun setun = Kind.WORKERS.open()) {
            TernaryMatrix w = setun.ofCodes(new byte[256], 1, 256, 65520f);
            assertThatIllegalArgumentException().isThrownBy(() -> w.encode(TernaryFormat.TQ2_0)).withMessageContaining("gamma = 65520");
            assertThatIllegalArgumentException().isThrownBy(() -> w.encode(TernaryFormat.TQ1_0)).withMessageContaining("65504 is allowed");
            assertThat(w.encode(TernaryFormat.I2_S)).isNotEmpty();
            assertThat(setun.ofCodes(new byte[256], 1, 256, 65504f).encode(TernaryFormat.TQ2_0)).isNotEmpty();
        }
    }

    @Test
    void blocksOfDifferentScalesAreNotOneMatrix() {
        try (Setun setun = Kind.WORKERS.open()) {
            byte[] codes = new byte[256];
            codes[7] = 1;
            byte[] one = setun.ofCodes(codes, 1, 256, 1).encode(TernaryFormat.TQ2_0);
            byte[] two = setun.ofCodes(codes, 1, 256, 2).encode(TernaryFormat.TQ2_0);
            byte[] both = new byte[132];
            System.arraycopy(one, 0, both, 0, 66);
            System.arraycopy(two, 0, both, 66, 66);
            assertThatIllegalArgumentException().isThrownBy(() -> setun.decode(TernaryFormat.TQ2_0, MemorySegment.ofArray(both), 2, 256))
                    .withMessageContaining("scale of block 1 = 2.0 must be 1.0");
            assertThat(setun.pool().statistics().liveBlocks()).as("a failed decode leaves nothing behind").isEqualTo(2);
            assertThatIllegalArgumentException().isThrownBy(() -> setun.decode(TernaryFormat.TQ2_0, MemorySegment.ofArray(both), 1, 256))
                    .withMessageContaining("132 bytes");
            assertThatIllegalArgumentException().isThrownBy(() -> setun.decode(TernaryFormat.HF_U8, MemorySegment.ofArray(both), 2, 256))
                    .withMessageContaining("holds no scale");
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void valuesThatAreNotFiniteAreNamed(float bad) {
        for (Kind kind : Kind.values()) {
            try (Setun setun = kind.open()) {
                float[] weights = new float[12];
                weights[7] = bad;
                weights[9] = Float.NaN;
                assertThatIllegalArgumentException().isThrownBy(() -> setun.quantize(weights, 3, 4))
                        .withMessage("weights[7] = " + bad + " must be finite (row 1, column 3)");
                assertThat(setun.pool().statistics().liveBlocks()).isZero();
                TernaryMatrix w = setun.quantize(new float[12], 3, 4);
                float[] x = new float[8];
                x[5] = bad;
                assertThatIllegalArgumentException().isThrownBy(() -> w.matmul(x, 2))
                        .withMessage("x[5] = " + bad + " must be finite (row 1, column 1)");
            }
        }
    }

    @Test
    void wrongSizesAreNamed() {
        try (Setun setun = Kind.WORKERS.open()) {
            assertThatIllegalArgumentException().isThrownBy(() -> setun.quantize(new float[11], 3, 4))
                    .withMessage("weights has 11 values but m = 3 rows of k = 4 need 12");
            assertThatIllegalArgumentException().isThrownBy(() -> setun.quantize(new float[12], -3, -4)).withMessageContaining("m = -3");
            assertThatIllegalArgumentException().isThrownBy(() -> setun.quantize(MemorySegment.ofArray(new float[4]), Long.MAX_VALUE, 2))
                    .withMessageContaining("overflow");
            assertThatIllegalArgumentException().isThrownBy(() -> setun.ofCodes(new byte[]{0, 2}, 1, 2, 1)).withMessageContaining("2");
            assertThatIllegalArgumentException().isThrownBy(() -> setun.ofCodes(new byte[2], 1, 2, Float.NaN))
                    .withMessageContaining("gamma = NaN");
            TernaryMatrix w = setun.quantize(new float[12], 3, 4);
            assertThatIllegalArgumentException().isThrownBy(() -> w.matmul(new float[7], 2)).withMessageContaining("x has 7 values");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> w.matmul(MemorySegment.ofArray(new float[8]), MemorySegment.ofArray(new float[5]), 2))
                    .withMessageContaining("y has 20 bytes");
            assertThatIllegalArgumentException().isThrownBy(() -> w.encode(TernaryFormat.TQ2_0)).withMessageContaining("multiple of 256");
        }
    }

    @Test
    void useAfterCloseThrows() {
        Setun setun = Kind.WORKERS.open();
        TernaryMatrix closed = setun.quantize(new float[12], 3, 4);
        closed.close();
        closed.close();
        assertThatIllegalStateException().isThrownBy(() -> closed.matmul(new float[4], 1));
        TernaryMatrix orphan = setun.quantize(new float[12], 3, 4);
        setun.close();
        setun.close();
        assertThatIllegalStateException().isThrownBy(() -> orphan.matmul(new float[4], 1));
        assertThatIllegalStateException().isThrownBy(() -> orphan.codes());
        orphan.close();
    }

    @Test
    void theMemoryBudgetHolds() {
        try (Setun setun = new Setun(new ReferenceBackend(), 1 << 16)) {
            assertThatThrownBy(() -> setun.quantize(new float[256 * 256], 256, 256)).isInstanceOf(PoolExhaustedException.class)
                    .hasMessageContaining("budget 65,536");
            assertThat(setun.pool().statistics().liveBlocks()).isZero();
            assertThat(setun.quantize(new float[64 * 64], 64, 64).rows()).isEqualTo(64);
        }
    }

    @ParameterizedTest
    @EnumSource
    void threadsMayShareAMatrix(Kind kind) throws Exception {
        Random random = new Random(5);
        float[] weights = values(random, 64 * 256);
        float[] x = values(random, 256);
        try (Setun setun = kind.open(); ExecutorService threads = Executors.newFixedThreadPool(4)) {
            TernaryMatrix w = setun.quantize(weights, 64, 256);
            float[] expected = w.matmul(x, 1);
            List<Future<?>> done = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                done.add(threads.submit(() -> {
                    for (int i = 0; i < 50; i++) {
                        assertThat(w.matmul(x, 1)).containsExactly(expected);
                    }
                }));
            }
            for (Future<?> f : done) {
                f.get();
            }
        }
    }

    @Test
    void backendsFollowTheirProperty() {
        String before = System.setProperty(Backends.BACKEND_PROPERTY, "reference");
        try {
            try (Setun setun = Setun.open()) {
                assertThat(setun.backend().name()).isEqualTo("reference");
            }
            System.setProperty(Backends.BACKEND_PROPERTY, "cpu");
            try (Setun setun = Setun.open(SetunOptions.defaults().withThreads(1))) {
                assertThat(setun.backend().name()).isEqualTo("cpu");
                assertThat(setun.backend().threads()).isEqualTo(1);
            }
            System.setProperty(Backends.BACKEND_PROPERTY, "gpu");
            assertThatThrownBy(Setun::open).isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("setun.backend = gpu must be one of auto, cpu, reference");
        } finally {
            if (before == null) {
                System.clearProperty(Backends.BACKEND_PROPERTY);
            } else {
                System.setProperty(Backends.BACKEND_PROPERTY, before);
            }
        }
    }
}
