package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

class ConvergenceStudyTest {

    @TempDir
    Path folder;

    private static ConvergenceStudy.Row row(String architecture, String estimator, double loss, String note) {
        return new ConvergenceStudy.Row(architecture, estimator, 1, loss, 2, loss / 2, note);
    }

    @Test
    void theShareTheIntervalAndTheFailuresAreReported() {
        ConvergenceStudy.Report report = ConvergenceStudy.report(5000,
                List.of(row("llama", "identity", 2.1, ""), row("llama", "lsq", 2.3, ""),
                        row("deep", "identity", 2.31, ""), row("deep", "lsq", Double.NaN, "not finite")));
        assertThat(report.converged().estimate()).as("1.15 itself has converged").isEqualTo(0.5);
        assertThat(report.converged().low()).isEqualTo(0.15004, within(1e-5));
        assertThat(report.markdown()).contains("| | identity | lsq |", "| llama | 1/1, 1.050 | 1/1, 1.150 |",
                "| deep | 0/1, 1.155 | 0/1, NaN |",
                "converged: 2 of 4, 50.0 % [15.0, 85.0]", "not converged: deep, identity, seed 1: ratio 1.155\n",
                "not converged: deep, lsq, seed 1: ratio NaN, not finite");
    }

    @Test
    void everyShapeIsTrainedWithEveryEstimatorBesideItsTwin() throws IOException {
        Path text = StudyTexts.write(folder.resolve("text"), 300, 1);
        List<String> said = new ArrayList<>();
        List<String> tiny = List.of("tokenizer.vocab_size=280", "model.context=16", "training.batch_size=2", "schedule.warmup_steps=1");
        try (Backend backend = Backends.open()) {
            ConvergenceStudy.Report report = ConvergenceStudy.run(text, folder.resolve("out"), 64, 1, tiny, backend, new StopFlag(),
                    said::add,
                    StudyTexts.none());
            assertThat(said).hasSize(4 * 6).contains("trains llama-fp32-rate0.004-seed1", "trains wide-soft-rate0.004-seed1");
            assertThat(report.rows()).hasSize(20).allSatisfy(row -> {
                assertThat(row.note()).isEmpty();
                assertThat(row.ratio()).isEqualTo(row.loss() / row.twin()).isBetween(0.7, 1.3);
            });
            assertThat(report.rows().stream().map(ConvergenceStudy.Row::loss).distinct()).as("estimators differ").hasSizeGreaterThan(16);
            said.clear();
            assertThat(
                    ConvergenceStudy.run(text, folder.resolve("out"), 64, 1, tiny, backend, new StopFlag(), said::add, StudyTexts.none()))
                    .isEqualTo(report);
            assertThat(said).isEmpty();
        }
    }
}
