package org.setun.quant.lattice;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.E8pPoints;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class E8pTest {

    private static float[] normal(long seed, int count, double deviation) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        return values;
    }

    private static int[] point(int code) {
        int[] point = new int[8];
        E8pPoints.decode(code, point, 0);
        return point;
    }

    @Test
    void theCodebookHas65536DifferentPointsOfE8ShiftedByAQuarter() {
        Set<Long> points = new HashSet<>();
        for (int code = 0; code < 65536; code++) {
            int[] quarters = point(code);
            int shift = code < 32768 ? 1 : -1;
            int sum = 0;
            long packed = 0;
            int norm = 0;
            for (int quarter : quarters) {
                int doubled = (quarter - shift) / 2;
                assertThat(2 * doubled + shift).isEqualTo(quarter);
                assertThat(Math.abs(doubled) % 2).as("halves of odd numbers").isEqualTo(1);
                sum += doubled;
                norm += doubled * doubled;
                packed = packed * 32 + quarter + 16;
            }
            assertThat(sum % 4).as("the sum of the entries is even").isZero();
            assertThat(norm).isLessThanOrEqualTo(48);
            points.add(packed);
        }
        assertThat(points).hasSize(65536);
    }

    @Test
    void thePatternsFollowTheRule() {
        int[] byNorm = new int[13];
        int[][] patterns = new int[256][];
        for (int p = 0; p < 256; p++) {
            patterns[p] = Arrays.stream(point(p)).map(q -> Math.abs(q - 1) / 2).toArray();
            byNorm[Arrays.stream(patterns[p]).map(a -> a * a).sum() / 4]++;
        }
        assertThat(byNorm).containsExactly(0, 0, 1, 0, 8, 0, 28, 0, 56 + 8, 0, 70 + 56, 0, 29);
        assertThat(patterns[227]).containsExactly(1, 1, 1, 3, 3, 3, 3, 3);
        for (int p = 1; p < 256; p++) {
            int norms = Integer.compare(Arrays.stream(patterns[p - 1]).map(a -> a * a).sum(),
                    Arrays.stream(patterns[p]).map(a -> a * a).sum());
            assertThat(norms < 0 || norms == 0 && Arrays.compare(patterns[p - 1], patterns[p]) < 0).as("order at " + p).isTrue();
        }
        // what is left out of norm 12 comes after what is in
        assertThat(patterns[255]).containsExactly(3, 1, 3, 1, 3, 3, 1, 3);
    }

    private static double distance(float[] x, int[] point, double divisor) {
        double sum = 0;
        for (int i = 0; i < 8; i++) {
            sum += Math.pow(x[i] - point[i] / divisor, 2);
        }
        return sum;
    }

    @ParameterizedTest
    @CsvSource({"0.3, 40", "1.0, 120", "1.6, 120", "4, 40", "0, 1"})
    void theNearestPointIsFoundWithoutTryingAll(double deviation, int count) {
        int[][] all = new int[65536][];
        Arrays.setAll(all, E8pTest::point);
        for (int n = 0; n < count; n++) {
            float[] x = normal(n, 8, deviation);
            double least = Double.POSITIVE_INFINITY;
            for (int[] point : all) {
                least = Math.min(least, distance(x, point, 4));
            }
            assertThat(distance(x, all[E8pCodebook.nearest(x, 0, 1)], 4)).isCloseTo(least, within(1e-5 * (1 + least)));
        }
    }

    /** Vectors near the patterns with five large entries, of which only the first 29 are in. */
    @Test
    void theNearestPointIsFoundWhereThePatternMayBeMissing() {
        int[][] all = new int[65536][];
        Arrays.setAll(all, E8pTest::point);
        SplittableRandom random = new SplittableRandom(3);
        Set<Integer> used = new HashSet<>();
        for (int n = 0; n < 150; n++) {
            float[] x = normal(n, 8, 0.15);
            for (int i = 0; i < 8; i++) {
                x[i] += (random.nextBoolean() ? 1 : -1) * (random.nextInt(8) < 5 ? 1.6f : 0.5f);
            }
            double least = Double.POSITIVE_INFINITY;
            for (int[] point : all) {
                least = Math.min(least, distance(x, point, 4));
            }
            int code = E8pCodebook.nearest(x, 0, 1);
            used.add(code & 0xFF);
            assertThat(distance(x, all[code], 4)).isCloseTo(least, within(1e-5 * (1 + least)));
        }
        assertThat(used.stream().filter(p -> p >= 227).count()).isGreaterThan(5);
    }

    @Test
    void everyPointIsNearestToItself() {
        float[] x = new float[8];
        for (int code = 0; code < 65536; code++) {
            int[] point = point(code);
            for (int i = 0; i < 8; i++) {
                x[i] = 0.75f * point[i];
            }
            assertThat(E8pCodebook.nearest(x, 0, 1 / 3f)).isEqualTo(code);
        }
    }

    @Test
    void theShellIsTheFirstPointsOfE8() {
        Set<String> points = new HashSet<>();
        int[] byNorm = new int[5];
        for (int code = 0; code < 256; code++) {
            byte[] twice = new byte[8];
            for (int i = 0; i < 8; i++) {
                twice[i] = (byte) E8pPoints.shell(code, i);
            }
            int norm = 0;
            int sum = 0;
            for (byte b : twice) {
                norm += b * b;
                sum += b;
                assertThat((b - twice[0]) % 2).as("all integers or all halves").isZero();
            }
            assertThat(sum % 4).isZero();
            byNorm[norm / 4]++;
            points.add(Arrays.toString(twice));
        }
        assertThat(points).hasSize(256);
        assertThat(byNorm).containsExactly(1, 0, 240, 0, 15);
    }

    @Test
    void theNearestPointOfTheShellIsFound() {
        for (int n = 0; n < 3000; n++) {
            float[] x = normal(n, 8, 0.2 + n % 7 * 0.3);
            if (n % 11 == 0) {
                x[7] = -2.2f;
            }
            double least = Double.POSITIVE_INFINITY;
            int[] point = new int[8];
            int found = E8Shell.nearest(x);
            double at = 0;
            for (int code = 0; code < 256; code++) {
                for (int i = 0; i < 8; i++) {
                    point[i] = E8pPoints.shell(code, i);
                }
                double distance = distance(x, point, 2);
                least = Math.min(least, distance);
                at = code == found ? distance : at;
            }
            assertThat(at).isCloseTo(least, within(1e-5 * (1 + least)));
        }
    }

    /** QuIP# has 0.0922 with a search that is not exact for every sign; the nearest point gives 0.0917. */
    @Test
    void theErrorOnNormalValuesIsThatOfThePaper() {
        float[] x = normal(1, 1 << 19, 1);
        double error = 0;
        int[] point = new int[8];
        for (int i = 0; i < x.length; i += 8) {
            E8pPoints.decode(E8pCodebook.nearest(x, i, 1.03f), point, 0);
            for (int j = 0; j < 8; j++) {
                error += Math.pow(x[i + j] - point[j] / (4 * 1.03), 2);
            }
        }
        assertThat(error / x.length).isCloseTo(0.0917, within(0.0006));
    }

    private static double error(WeightFormat format, float[] x, float[] importance) {
        MemorySegment blocks = MemorySegment.ofArray(new byte[(int) format.rowBytes(x.length)]);
        format.encode(x, 0, x.length, importance, blocks, 0);
        float[] decoded = new float[x.length];
        format.decode(blocks, 0, x.length, decoded, 0);
        double error = 0;
        double weights = 0;
        for (int i = 0; i < x.length; i++) {
            double weight = importance == null ? 1 : importance[i];
            error += weight * Math.pow(x[i] - decoded[i], 2);
            weights += weight;
        }
        return error / weights;
    }

    /** A scale per block beats one for all: 0.0917 becomes 0.0898 at two bits. */
    @ParameterizedTest
    @CsvSource({"2, 0.0905", "3, 0.0290", "4, 0.0077"})
    void blocksOfNormalValues(int bits, double most) {
        double error = error(new E8pFormat(bits), normal(7, 1 << 16, 0.02), null) / (0.02 * 0.02);
        assertThat(error).isLessThan(most).isGreaterThan(0.95 * most);
    }

    @Test
    void importanceLowersTheErrorThatItWeighs() {
        SplittableRandom random = new SplittableRandom(4);
        float[] x = normal(8, 1 << 14, 1);
        float[] importance = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = x[i] * Math.abs(x[i]);
            importance[i] = (float) Math.pow(random.nextDouble(), 6);
        }
        WeightFormat format = new E8pFormat(2);
        MemorySegment plain = MemorySegment.ofArray(new byte[(int) format.rowBytes(x.length)]);
        format.encode(x, 0, x.length, null, plain, 0);
        float[] decoded = new float[x.length];
        format.decode(plain, 0, x.length, decoded, 0);
        double without = 0;
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            without += importance[i] * Math.pow(x[i] - decoded[i], 2);
            sum += importance[i];
        }
        assertThat(error(format, x, importance)).isLessThan(0.99 * without / sum);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void theIntegersAreWhatTheHeaderSays(int bits) {
        E8pGrid grid = new E8pGrid(bits);
        SplittableRandom random = new SplittableRandom(1);
        int[] point = new int[8];
        int most = 0;
        for (int n = 0; n < 200_000; n++) {
            grid.integers(random.nextInt() & (bits == 3 ? 0xFFFFFF : -1), point);
            for (int value : point) {
                most = Math.max(most, Math.abs(value));
                assertThat(bits == 3 || (value & 1) == 1).isTrue();
            }
        }
        assertThat(most).isEqualTo(bits == 2 ? 11 : bits == 3 ? 15 : 99);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void aGroupThatIsRoundedBackGetsItsCodesBack(int bits) {
        WeightFormat format = new E8pFormat(bits);
        float[] x = normal(5, 256, 1);
        float[] other = normal(6, 256, 1);
        float[] first = new float[8];
        float[] again = new float[8];
        BlockRounder rounder = format.newRounder();
        rounder.fit(x, 0, null);
        for (int i = 0; i < 256; i += 8) {
            rounder.round(i, x, i, first, 0);
            rounder.round(i, other, i, again, 0);
            rounder.round(i, first.clone(), 0, again, 0);
            assertThat(again).containsExactly(first);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void extremesAreStoredOrRefused(int bits) {
        WeightFormat format = new E8pFormat(bits);
        assertThat(error(format, new float[256], null)).isZero();
        float[] one = new float[256];
        one[17] = 1e-3f;
        assertThat(error(format, one, null)).isLessThan(1e-6 / 256);
        float[] huge = new float[256];
        Arrays.fill(huge, 1e9f);
        MemorySegment block = MemorySegment.ofArray(new byte[format.blockBytes()]);
        assertThatThrownBy(() -> format.encode(huge, 0, 256, null, block, 0)).hasMessageContaining("step = ");
        float[] tiny = normal(3, 256, 1e-30);
        assertThat(error(format, tiny, null)).isLessThan(1e-50);
        assertThatThrownBy(() -> new E8pFormat(5)).hasMessageContaining("bits = 5");
        assertThat(WeightFormats.parse("e8p:bits=" + bits)).isEqualTo(format);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void anyBytesDecode(int bits) {
        WeightFormat format = new E8pFormat(bits);
        byte[] bytes = new byte[format.blockBytes() * 50];
        new SplittableRandom(bits).nextBytes(bytes);
        float[] values = new float[50 * 256];
        format.decode(MemorySegment.ofArray(bytes), 0, values.length, values, 0);
        bytes[format.blockBytes() - 1] = 0x7E;
        bytes[format.blockBytes() - 2] = 1;
        format.decode(MemorySegment.ofArray(bytes), 0, 256, values, 0);
        for (int i = 0; i < 256; i++) {
            assertThat(values[i]).isNaN();
        }
    }

    @ParameterizedTest
    @CsvSource({"2, E8P_2", "3, E8P_3", "4, E8P_4"})
    void theKernelsReadTheSameValues(int bits, BlockFormat kernel) {
        WeightFormat format = new E8pFormat(bits);
        assertThat(format.kernel()).contains(kernel);
        int rows = 17;
        float[] values = new float[rows * 512];
        try (Arena arena = Arena.ofConfined(); Backend backend = new ReferenceBackend()) {
            MemorySegment blocks = arena.allocate(rows * format.rowBytes(512), 64);
            assertThat(kernel.bytes(rows, 512)).isEqualTo(blocks.byteSize());
            byte[] bytes = new byte[(int) blocks.byteSize()];
            new SplittableRandom(bits).nextBytes(bytes);
            for (int block = format.blockBytes(); block <= bytes.length; block += format.blockBytes()) {
                bytes[block - 1] = 0x3C;
            }
            blocks.copyFrom(MemorySegment.ofArray(bytes));
            MemorySegment packed = arena.allocate(kernel.packedBytes(rows, 512), 64);
            MemorySegment out = arena.allocate(4L * values.length, 64);
            backend.blockPack(kernel, 0, blocks, rows, 512, packed);
            backend.blockExpand(kernel, packed, rows, 512, 0, rows, out);
            format.decode(blocks, 0, values.length, values, 0);
            assertThat(out.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(values);
        }
    }
}
