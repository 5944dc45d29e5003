package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardFactors;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.HadamardOps.SignGenerator;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Hadamard matrices, and the transform by them. */
class HadamardTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    static IntStream paleyOrders() {
        return IntStream.rangeClosed(1, 64).map(i -> 4 * i)
                .filter(order -> HadamardFactors.isConference(order) || HadamardFactors.prime(order - 1) != 0);
    }

    @ParameterizedTest
    @MethodSource("paleyOrders")
    void rowsOfAPaleyMatrixAreOrthogonalInIntegers(int order) {
        PaleyMatrix matrix = new PaleyMatrix(order);
        for (int a = 0; a < order; a++) {
            for (int b = 0; b <= a; b++) {
                int dot = 0;
                for (int j = 0; j < order; j++) {
                    dot += matrix.sign(a, j) * matrix.sign(b, j);
                }
                assertThat(dot).as("rows %d and %d of order %d", a, b, order).isEqualTo(a == b ? order : 0);
            }
        }
    }

    @Test
    void ordersThatAreNoPaleyOrdersAreRefused() {
        assertThat(paleyOrders().boxed()).contains(12, 20, 24, 28, 36, 44, 52, 60, 76, 84, 100, 108, 124, 148, 164).doesNotContain(40, 92,
                116,
                156, 172);
        assertThatThrownBy(() -> new PaleyMatrix(92)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("order = 92");
    }

    @ParameterizedTest
    @CsvSource({"1, 2^0", "4096, 2^12", "12, 12 x 2^0", "24, 12 x 2^1", "44, 44 x 2^0", "576, 36 x 2^4", "768, 12 x 2^6", "896, 28 x 2^5",
            "960, 60 x 2^4", "1536, 12 x 2^7", "2304, 12 x 12 x 2^4", "2560, 20 x 2^7", "3072, 12 x 2^8", "4864, 76 x 2^6",
            "5632, 44 x 2^7",
            "6912, 36 x 12 x 2^4", "13824, 36 x 12 x 2^5", "14336, 28 x 2^9", "18944, 148 x 2^7", "25600, 20 x 20 x 2^6",
            "11008, 43 blocks of 2^8", "15, 15 blocks of 2^0", "10, 5 blocks of 2^1"})
    void lengthsHaveTheseFactors(long n, String factors) {
        assertThat(HadamardFactors.of(n).toString().replace(" x 2^0", "").replace("12 x 2^0", "12"))
                .isEqualTo(factors.replace(" x 2^0", ""));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 16, 12, 20, 24, 28, 36, 44, 52, 72, 144, 240, 15, 40, 86})
    void transformedUnitVectorsAreOrthogonalRowsOfSigns(int n) {
        HadamardFactors factors = HadamardFactors.of(n);
        float scale = (float) (1 / Math.sqrt(factors.block()));
        float[] unit = new float[n * n];
        for (int i = 0; i < n; i++) {
            unit[i * n + i] = 1;
        }
        MemorySegment y = OffHeap.of(unit);
        backend.hadamard(Element.F32, false, y, n, null, n, n, y, n);
        int[][] columns = new int[n][n];
        for (int i = 0; i < n * n; i++) {
            float value = OffHeap.toFloats(y)[i];
            assertThat(Math.abs(value)).isEqualTo(i / n / factors.block() == i % n / factors.block() ? scale : 0f);
            columns[i / n][i % n] = (int) Math.signum(value);
        }
        for (int a = 0; a < n; a++) {
            for (int b = 0; b <= a; b++) {
                int dot = 0;
                for (int j = 0; j < n; j++) {
                    dot += columns[a][j] * columns[b][j];
                }
                assertThat(dot).isEqualTo(a == b ? (int) factors.block() : 0);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 64, 44, 132, 576, 2560, 4096, 5632, 6912, 11008, 18944})
    void theInverseUndoesItAndLengthsStay(int n) {
        float[] x = OffHeap.toFloats(OffHeap.gaussian(new SplittableRandom(n), n, 1));
        MemorySegment signs = OffHeap.bytes(HadamardOps.signBytes(n));
        backend.hadamardSigns(SignGenerator.SPLITMIX64, 42, n, signs);
        MemorySegment y = OffHeap.of(x);
        backend.hadamard(Element.F32, false, y, n, signs, 1, n, y, n);
        double before = 0;
        double after = 0;
        float largest = 0;
        for (int i = 0; i < n; i++) {
            before += (double) x[i] * x[i];
            after += (double) OffHeap.toFloats(y)[i] * OffHeap.toFloats(y)[i];
            largest = Math.max(largest, Math.abs(x[i]));
        }
        assertThat(after).isCloseTo(before, within(1e-5 * before));
        backend.hadamard(Element.F32, true, y, n, signs, 1, n, y, n);
        float[] back = OffHeap.toFloats(y);
        for (int i = 0; i < n; i++) {
            assertThat(back[i]).isCloseTo(x[i], within(1e-5f * largest));
        }
    }

    /** The bound of the header: an addition more or less on the way is half a unit in the last place of the sum of magnitudes. */
    @ParameterizedTest
    @ValueSource(ints = {256, 528, 576, 1200})
    void theErrorKeepsItsBound(int n) {
        HadamardFactors factors = HadamardFactors.of(n);
        float[] x = OffHeap.toFloats(OffHeap.gaussian(new SplittableRandom(n), n, 1));
        MemorySegment y = OffHeap.of(x);
        backend.hadamard(Element.F32, false, y, n, null, 1, n, y, n);
        List<PaleyMatrix> paley = factors.paley().stream().map(PaleyMatrix::new).toList();
        double additions = Long.numberOfTrailingZeros(factors.power());
        for (PaleyMatrix matrix : paley) {
            additions += matrix.isConference() ? matrix.order() / 2 : matrix.order() - 1;
        }
        double magnitudes = 0;
        for (float value : x) {
            magnitudes += Math.abs(value);
        }
        assertThat(factors.blocks()).isEqualTo(1);
        for (int i = 0; i < n; i++) {
            double exact = 0;
            for (int j = 0; j < n; j++) {
                exact += sign(factors, paley, i, j) * (double) x[j];
            }
            double bound = (additions + 2) * 0x1p-24 * magnitudes / Math.sqrt(n);
            assertThat((double) OffHeap.toFloats(y)[i]).isCloseTo(exact / Math.sqrt(n), within(bound));
        }
    }

    /** Entry (i, j) of the Kronecker product. */
    private static int sign(HadamardFactors factors, List<PaleyMatrix> paley, int i, int j) {
        int power = (int) factors.power();
        int sign = Integer.bitCount(i % power & j % power) % 2 == 0 ? 1 : -1;
        int row = i / power;
        int column = j / power;
        for (PaleyMatrix matrix : paley.reversed()) {
            sign *= matrix.sign(row % matrix.order(), column % matrix.order());
            row /= matrix.order();
            column /= matrix.order();
        }
        return sign;
    }

    @Test
    void signsAreTheBitsOfSplitMix64() {
        MemorySegment signs = OffHeap.bytes(HadamardOps.signBytes(70));
        backend.hadamardSigns(SignGenerator.SPLITMIX64, 1, 70, signs);
        SplittableRandom random = new SplittableRandom(1);
        long[] words = {random.nextLong(), random.nextLong()};
        byte[] bytes = OffHeap.toBytes(signs);
        for (int i = 0; i < 70; i++) {
            assertThat(bytes[i / 8] >> i % 8 & 1).isEqualTo((int) (words[i / 64] >>> i % 64 & 1));
        }
        assertThat(bytes[8] & 0xC0).isZero();
        assertThatThrownBy(() -> SignGenerator.ofCode(7)).hasMessageContaining("sign generator 7");
    }

    @Test
    void oneOutlierIsSpreadOverTheRow() {
        float[] x = new float[6912];
        x[5] = 100;
        MemorySegment y = OffHeap.of(x);
        backend.hadamard(Element.F32, false, y, x.length, null, 1, x.length, y, x.length);
        float each = 100 * (float) (1 / Math.sqrt(x.length));
        for (float value : OffHeap.toFloats(y)) {
            assertThat(Math.abs(value)).isEqualTo(each);
        }
    }

    @Test
    void bf16RowsAreRoundedOnce() {
        int n = 96;
        float[] x = OffHeap.toFloats(OffHeap.gaussian(new SplittableRandom(3), n, 1));
        short[] halves = new short[n];
        for (int i = 0; i < n; i++) {
            x[i] = Bf16.round(x[i]);
            halves[i] = (short) (Float.floatToRawIntBits(x[i]) >>> 16);
        }
        MemorySegment y = OffHeap.of(x);
        backend.hadamard(Element.F32, false, y, n, null, 1, n, y, n);
        MemorySegment low = OffHeap.bytes(2L * n).copyFrom(MemorySegment.ofArray(halves));
        backend.hadamard(Element.BF16, false, low, n, null, 1, n, low, n);
        float[] exact = OffHeap.toFloats(y);
        for (int i = 0; i < n; i++) {
            assertThat(Bf16.get(low, i)).isEqualTo(Bf16.round(exact[i]));
        }
    }

    @Test
    void badArgumentsAreRefusedByName() {
        MemorySegment x = OffHeap.floats(64);
        assertThatThrownBy(() -> backend.hadamard(Element.F32, false, x, 8, null, 1, 0, x, 8)).hasMessageContaining("n = 0");
        assertThatThrownBy(() -> backend.hadamard(Element.I8, false, x, 8, null, 1, 8, x, 8)).hasMessageContaining("element = I8");
        assertThatThrownBy(() -> backend.hadamard(Element.F32, false, x, 8, null, 2, 8, x, 9)).hasMessageContaining("ldy = 9");
        assertThatThrownBy(() -> backend.hadamard(Element.F32, false, x, 7, null, 2, 8, x, 8)).hasMessageContaining("ldx = 7");
        assertThatThrownBy(() -> backend.hadamard(Element.F32, false, x, 64, OffHeap.bytes(7), 1, 64, x, 64)).hasMessageContaining("signs");
        assertThat(List.of(HadamardFactors.of(2560).block(), HadamardFactors.of(11008).blocks())).isEqualTo(List.of(2560L, 43L));
        assertThat(Arrays.asList(0L, HadamardFactors.MAX_N + 1)).allSatisfy(
                n -> assertThatThrownBy(() -> HadamardFactors.of(n)).isInstanceOf(IllegalArgumentException.class));
    }
}
