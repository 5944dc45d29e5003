package org.setun.cli.study;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;

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

    /** The constant of the step is absorbed by its scale: as published, and searched, pi is the uniform grid. */
    @Test
    void withACalibratedScalePiIsTheUniformGridItself() {
        for (int bits = 2; bits <= 3; bits++) {
            float[] values = Distribution.LAPLACE.sample(1 << 14, 9);
            List<Arm> arms = PiStudy.arms(bits);
            assertThat(arms.get(3).name()).endsWith("scale=absmax");
            assertThat(arms.get(3).round(values)).containsExactly(arms.get(0).round(values));
        }
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
            JsonNode json = new ObjectMapper().valueToTree(report);
            assertThat(json.get("models")).hasSize(18).allSatisfy(row -> {
                assertThat(row.get("perplexity").asDouble()).isGreaterThan(row.get("referencePerplexity").asDouble());
                assertThat(row.get("divergence").asDouble()).isPositive();
                assertThat(row.get("outputError").asDouble()).isBetween(1e-3, 1.0);
            });
            assertThat(json.get("distributions")).hasSize(54);
            assertThat(report.markdown()).contains("**stories260K.bin, 3 bits**", "the best uniform grid", "| pi-tan2:scale=search |");
        }
    }
}
