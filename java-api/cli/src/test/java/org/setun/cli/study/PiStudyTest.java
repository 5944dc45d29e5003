package org.setun.cli.study;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.quant.format.QuantizationError;
import org.setun.quant.pi.PiQuantConfig;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

class PiStudyTest {

    @TempDir
    Path folder;

    private static double mse(List<PiStudy.DistributionRow> rows, int bits, String distribution, String arm) {
        return rows.stream().filter(row -> row.bits() == bits && row.distribution().equals(distribution) && row.arm().startsWith(arm))
                .mapToDouble(PiStudy.DistributionRow::mse).min().orElseThrow();
    }

    @Test
    void tangentLevelsBeatTheBestSearchedUniformGridOnEveryDistribution() {
        List<PiStudy.DistributionRow> rows = PiStudy.distributions(1 << 15, 2, step -> {
        });
        for (int bits = 2; bits <= 3; bits++) {
            for (Distribution distribution : Distribution.values()) {
                double tangent = mse(rows, bits, distribution.label(), "pi-tan");
                assertThat(tangent).as(distribution + ", " + bits + " bits")
                        .isLessThan(mse(rows, bits, distribution.label(), "uniform, searched"))
                        .isLessThan(mse(rows, bits, distribution.label(), "mid-rise, searched"));
                assertThat(mse(rows, bits, distribution.label(), "Lloyd-Max")).isLessThan(tangent);
            }
        }
    }

    @Test
    void oneSampleHasNoSpread() {
        String table = StudyTables.distributions(PiStudy.distributions(256, 1, step -> {
        }));
        assertThat(table).contains("uniform").doesNotContain("NaN").doesNotContain("±");
    }

    /** The constant of the step is absorbed by its scale: calibrated as published, or searched, pi is the uniform grid, whatever k is. */
    @Test
    void withACalibratedScalePiIsTheUniformGridItself() {
        for (int bits = 2; bits <= 3; bits++) {
            float[] values = Distribution.LAPLACE.sample(1 << 14, 9);
            float[] uniform = arm(bits, "uniform, absmax").round(values);
            float[] searched = arm(bits, "pi-q" + bits + ":k=" + PiQuantConfig.defaultK(bits) + ",scale=search").round(values);
            for (int k = 2; k <= 5; k++) {
                assertThat(Arm.of("pi-q" + bits + ":k=" + k + ",scale=absmax", bits).round(values)).containsExactly(uniform);
                assertThat(Arm.of("pi-q" + bits + ":k=" + k + ",scale=search", bits).round(values)).containsExactly(searched);
            }
            assertThat(error(values, searched)).isCloseTo(error(values, arm(bits, "uniform, searched").round(values)),
                    withinPercentage(0.1));
        }
    }

    /** Mixed constants spend the same 32 steps on a coarser set of them: more error than a plain search, less than a scale that is tied. */
    @Test
    void mixedConstantsAreASearchAmongOtherSteps() {
        for (int bits = 2; bits <= 3; bits++) {
            float[] values = Distribution.GAUSSIAN.sample(1 << 15, 3);
            String pi = "pi-q" + bits + ":k=mixed,scale=";
            assertThat(error(values, arm(bits, pi + "search").round(values)))
                    .isCloseTo(error(values, arm(bits, "uniform, searched").round(values)), withinPercentage(3))
                    .isLessThan(error(values, arm(bits, pi + "sigma").round(values)));
        }
    }

    @Test
    void lloydsLevelsSeeAllOfAMatrix() {
        float[] values = new float[10 * Grid.BLOCK];
        for (int i = 0; i < values.length; i++) {
            values[i] = i / Grid.BLOCK;
        }
        float[] sample = PiStudy.sample(values, 4);
        assertThat(sample).hasSize(4 * Grid.BLOCK);
        assertThat(new float[]{sample[0], sample[Grid.BLOCK], sample[2 * Grid.BLOCK], sample[3 * Grid.BLOCK]}).containsExactly(0, 2, 5, 7);
        assertThat(PiStudy.sample(values, 10)).isSameAs(values);
    }

    private static Arm arm(int bits, String name) {
        return PiStudy.arms(bits).stream().filter(arm -> arm.name().equals(name)).findFirst().orElseThrow();
    }

    private static double error(float[] values, float[] rounded) {
        QuantizationError error = new QuantizationError();
        error.add(values, 0, rounded, 0, values.length);
        return error.mse();
    }

    @Test
    void aReportHasARowForEveryArmOfEveryModelAndIsReadByPrograms() throws IOException {
        StudyOptions.Language language = new StudyOptions.Language();
        language.model = TestData.require("models/stories260K/stories260K.bin");
        language.tokenizer = TestData.require("models/stories260K/tok512.bin");
        language.text = folder.resolve("text");
        Files.writeString(language.text, "Once upon a time, there was a little girl named Lily. She loved to play outside. ".repeat(4));
        try (Backend backend = Backends.open()) {
            PiReport report = PiReport.run(List.of(language), List.of(), List.of(), 4096, 1, 200, 32, backend, step -> {
            });
            JsonNode json = new ObjectMapper().setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).valueToTree(report); // as --json writes it
            assertThat(json.get("models")).hasSize(26).allSatisfy(row -> {
                assertThat(row.get("perplexity").asDouble()).isGreaterThan(row.get("reference_perplexity").asDouble());
                assertThat(row.get("divergence").asDouble()).isPositive();
                assertThat(row.get("output_error").asDouble()).isBetween(1e-3, 1.0);
            });
            assertThat(json.get("distributions")).hasSize(78);
            assertThat(report.markdown()).contains("**stories260K.bin, 3 bits**", "the best uniform grid", "| pi-tan2:scale=search |");
        }
    }
}
