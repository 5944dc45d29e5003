package org.setun.quant.blocks;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsTensor;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class BlockFormatsTest {

    private static final int COLUMNS = 1024;
    /** What the golden rows hold. */
    private static final List<String> KINDS = List.of("normal", "normal", "normal", "normal", "laplace", "laplace", "laplace", "student",
            "student",
            "real", "real", "real", "real", "zeros", "outlier", "ternary", "constant", "tiny", "sparse");

    static Stream<String> names() {
        return BlockFormats.all().stream().map(WeightFormat::name);
    }

    /** Row by row, without and with importance: our error, weighted by what was asked for, is not above that of ggml's quantizer. */
    @ParameterizedTest
    @MethodSource("names")
    void noGoldenRowIsWorseThanGgmls(String name) throws IOException {
        WeightFormat format = WeightFormats.parse(name);
        try (SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden/" + name.toUpperCase(Locale.ROOT) + ".safetensors"))) {
            float[] x = golden.floats("x");
            assertThat(x).hasSize(KINDS.size() * COLUMNS);
            compare(format, x, null, golden.floats("dequantized"));
            List<String> tensors = golden.tensors().stream().map(SafetensorsTensor::name).toList();
            float[] importance = golden.floats("imatrix");
            compare(format, x, importance, golden.floats(tensors.contains("dequantized_imatrix") ? "dequantized_imatrix" : "dequantized"));
        }
    }

    private static void compare(WeightFormat format, float[] x, float @Nullable [] importance, float[] ggml) {
        StringBuilder line = new StringBuilder(format.name() + (importance == null ? ":" : " with importance:"));
        double ours = 0;
        double theirs = 0;
        float[] stored = roundTrip(format, x, repeated(importance, x.length));
        for (int row = 0; row < KINDS.size(); row++) {
            double our = error(x, stored, row, importance);
            double their = error(x, ggml, row, importance);
            assertThat(our).as("%s, row %d (%s)", format.name(), row, KINDS.get(row)).isLessThanOrEqualTo(their * (1 + 1e-6));
            if (row == KINDS.size() - 1 || !KINDS.get(row).equals(KINDS.get(row + 1))) {
                line.append(String.format(Locale.ROOT, " %s %.3f", KINDS.get(row), their == 0 ? 1 : our / their));
            }
            ours += our;
            theirs += their;
        }
        System.out.printf(Locale.ROOT, "%s, all %.3f of ggml's square error%n", line, ours / theirs);
        assertThat(ours).isLessThanOrEqualTo(theirs);
    }

    /** Half-precision scales s: {-s, 0, s} comes back as it is, whatever the grid, and so does a constant. */
    @ParameterizedTest
    @MethodSource("names")
    void exactTernaryIsKept(String name) {
        WeightFormat format = WeightFormats.parse(name);
        SplittableRandom random = new SplittableRandom(1);
        for (float scale : new float[]{1, 0.037109375f, 3 * 0x1p-12f, -250.25f}) {
            float[] values = new float[format.blockSize() * 3];
            for (int i = 0; i < values.length; i++) {
                values[i] = scale * (random.nextInt(3) - 1);
            }
            Arrays.fill(values, 0, format.blockSize(), Math.abs(scale));
            float[] stored = roundTrip(format, values, null);
            int kept = name.equals("q1_0") ? format.blockSize() : values.length; // one bit has no zero
            assertThat(error(values, stored, kept)).as("scale %s", scale).isZero();
        }
    }

    /** What ggml stored is stored again without loss where one scale serves a block, and nearly so where groups have integers of their own. */
    @ParameterizedTest
    @MethodSource("names")
    void storedValuesAreStoredAgain(String name) throws IOException {
        WeightFormat format = WeightFormats.parse(name);
        boolean groups = name.endsWith("_k");
        try (SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden/" + name.toUpperCase(Locale.ROOT) + ".safetensors"))) {
            for (String tensor : new String[]{"dequantized", "random_dequantized"}) {
                if (tensor.startsWith("random") && name.equals("tq2_0")) {
                    continue; // random codes have a fourth value that no ternary number has
                }
                float[] values = golden.floats(tensor);
                float[] again = roundTrip(format, values, null);
                float[] third = roundTrip(format, again, null);
                double energy = error(values, new float[values.length], values.length);
                assertThat(error(values, again, values.length) / energy).as(tensor).isLessThanOrEqualTo(groups ? 2e-4 : 1e-5);
                assertThat(error(again, third, values.length) / energy).as(tensor).isLessThanOrEqualTo(groups ? 1e-5 : 0);
            }
        }
    }

    @Property(tries = 300)
    void anyBlockIsStoredNoWorseThanAsZeros(@ForAll long seed, @ForAll @IntRange(min = -60, max = 5) int exponent) {
        SplittableRandom random = new SplittableRandom(seed);
        for (WeightFormat format : BlockFormats.all()) {
            float[] values = new float[format.blockSize()];
            float[] importance = random.nextBoolean() ? new float[values.length] : null;
            for (int i = 0; i < values.length; i++) {
                values[i] = random.nextInt(4) == 0 ? 0 : Math.scalb((float) random.nextGaussian(), exponent + random.nextInt(8));
                if (importance != null) {
                    importance[i] = random.nextInt(4) == 0 ? 0 : (float) Math.exp(3 * random.nextGaussian());
                }
            }
            float[] stored = roundTrip(format, values, importance);
            double error = 0;
            double energy = 0;
            for (int i = 0; i < values.length; i++) {
                double weight = importance == null ? 1 : importance[i];
                error += weight * Math.pow(values[i] - stored[i], 2);
                energy += weight * Math.pow(values[i], 2);
            }
            assertThat(error).as(format.name()).isLessThanOrEqualTo(energy * (1 + 1e-6));
        }
    }

    /** Whatever bytes a file holds: what they stand for is stored again, unless it is no number, and no worse than as zeros. */
    @Property(tries = 300)
    void whatRandomBytesStandForIsStoredAgain(@ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (WeightFormat format : BlockFormats.all()) {
            byte[] bytes = new byte[format.blockBytes()];
            random.nextBytes(bytes);
            float[] values = new float[format.blockSize()];
            format.decode(MemorySegment.ofArray(bytes), 0, values.length, values, 0);
            boolean finite = true;
            for (float value : values) {
                finite &= Float.isFinite(value);
            }
            try {
                float[] stored = roundTrip(format, values, null);
                assertThat(finite).as(format.name()).isTrue();
                assertThat(error(values, stored, values.length)).as(format.name())
                        .isLessThanOrEqualTo(error(values, new float[values.length], values.length) * (1 + 1e-6));
            } catch (IllegalArgumentException refused) {
                assertThat(refused).hasMessageContaining(finite ? "half precision" : "not finite");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void importanceMovesTheErrorWhereItMatters(String name) {
        WeightFormat format = WeightFormats.parse(name);
        float[] values = new float[64 * format.blockSize()];
        float[] importance = new float[values.length];
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
            importance[i] = i % 4 == 0 ? 1 : 0.001f;
        }
        float[] plain = roundTrip(format, values, null);
        float[] weighted = roundTrip(format, values, importance);
        assertThat(everyFourth(values, weighted)).isLessThan(0.99 * everyFourth(values, plain));
    }

    @ParameterizedTest
    @MethodSource("names")
    void importanceOfZerosAndWrongImportance(String name) {
        WeightFormat format = WeightFormats.parse(name);
        float[] values = new float[format.blockSize()];
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        float[] none = new float[values.length];
        assertThat(roundTrip(format, values, none)).containsExactly(roundTrip(format, values, null));
        for (float wrong : new float[]{-1, Float.NaN, Float.POSITIVE_INFINITY}) {
            float[] importance = none.clone();
            importance[5] = wrong;
            assertThatIllegalArgumentException().isThrownBy(() -> roundTrip(format, values, importance))
                    .withMessageContaining("importance");
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void valuesTooSmallBecomeZeroAndThoseTooLargeAreRefused(String name) {
        WeightFormat format = WeightFormats.parse(name);
        float[] values = new float[format.blockSize()];
        Arrays.fill(values, 1e-30f);
        assertThat(error(roundTrip(format, values, null), values, values.length)).isLessThan(values.length * 1e-15);
        values[1] = Float.MIN_VALUE;
        values[2] = -Float.MIN_VALUE;
        roundTrip(format, values, null);
        Arrays.fill(values, -1e30f);
        assertThatIllegalArgumentException().isThrownBy(() -> roundTrip(format, values, null)).withMessageContaining("half precision");
    }

    /** Adaptive rounding hands over values beyond those fitted; they take the outermost code. */
    @Test
    void movedValuesTakeTheNearestCodeThereIs() {
        for (WeightFormat format : BlockFormats.all()) {
            float[] values = new float[format.blockSize()];
            for (int i = 0; i < values.length; i++) {
                values[i] = i % 3 - 1;
            }
            BlockRounder rounder = format.newRounder();
            rounder.fit(values, 0, null);
            float[] rounded = new float[3];
            rounder.round(0, new float[]{1e9f}, 0, rounded, 0);
            rounder.round(1, new float[]{-1e9f}, 0, rounded, 1);
            rounder.round(2, new float[]{Float.NaN}, 0, rounded, 2);
            assertThat(rounded[0]).as(format.name()).isBetween(0.3f, 1e4f);
            assertThat(rounded[1]).as(format.name()).isBetween(-1e4f, -0.3f);
            assertThat(rounded[2]).as(format.name()).isFinite();
        }
    }

    @Test
    void theTypesAreThoseThatTheExportAndTheQuantizerNeed() {
        assertThat(BlockFormats.all().stream().map(format -> format.ggmlType().orElseThrow())).containsExactlyInAnyOrder(GgmlType.TQ1_0,
                GgmlType.TQ2_0, GgmlType.Q1_0, GgmlType.Q2_0, GgmlType.Q4_0, GgmlType.Q4_1, GgmlType.Q5_0, GgmlType.Q5_1, GgmlType.Q8_0,
                GgmlType.Q2_K, GgmlType.Q3_K, GgmlType.Q4_K, GgmlType.Q5_K, GgmlType.Q6_K);
    }

    private static float[] roundTrip(WeightFormat format, float[] values, float @Nullable [] importance) {
        MemorySegment blocks = MemorySegment.ofArray(new byte[Math.toIntExact(format.rowBytes(values.length))]);
        format.encode(values, 0, values.length, importance, blocks, 0);
        float[] stored = new float[values.length];
        format.decode(blocks, 0, values.length, stored, 0);
        return stored;
    }

    private static float @Nullable [] repeated(float @Nullable [] row, int length) {
        if (row == null) {
            return null;
        }
        float[] all = new float[length];
        for (int i = 0; i < length; i++) {
            all[i] = row[i % row.length];
        }
        return all;
    }

    private static double error(float[] x, float[] y, int row, float @Nullable [] importance) {
        double sum = 0;
        for (int i = 0; i < COLUMNS; i++) {
            double difference = (double) x[row * COLUMNS + i] - y[row * COLUMNS + i];
            sum += (importance == null ? 1 : importance[i]) * difference * difference;
        }
        return sum / COLUMNS;
    }

    private static double error(float[] x, float[] y, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += Math.pow((double) x[i] - y[i], 2);
        }
        return sum;
    }

    private static double everyFourth(float[] x, float[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i += 4) {
            sum += Math.pow((double) x[i] - y[i], 2);
        }
        return sum;
    }
}
