package org.setun.cli.study.qat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.setun.cli.plot.Curve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

class TwinReportTest {

    private static LanguageRun run(String arm, long seed, double perplexity) {
        return new LanguageRun(arm, 0.002, seed, 10, 1000, 1, 10, Math.log(perplexity), 1.5, perplexity, List.of(), 20, "done", "cpu");
    }

    @Test
    void gapsArePairedBySeed() {
        TwinReport report = new TwinReport(1000, 500, List.of(run("fp32", 1, 100)), List.of(run("fp32", 1, 100), run("ternary", 1, 105),
                run("fp32", 2, 200), run("ternary", 2, 214), run("fp32", 3, 50), run("ternary", 3, 53)));
        TwinReport.Row ternary = report.rows().get(1);
        assertThat(ternary.gap().estimate()).isEqualTo((0.05 + 0.07 + 0.06) / 3, within(1e-12));
        assertThat(ternary.gap().high() - ternary.gap().estimate()).isEqualTo(4.302653 * 0.01 / Math.sqrt(3), within(1e-6));
        assertThat(report.rows().getFirst().gap()).isNull();
        assertThat(report.rows().getFirst().wordPerplexity()).isEqualTo(100, within(1e-9));
        assertThat(ternary.secondsPerStep()).isEqualTo(2);
        assertThat(report.markdown()).contains("1,000 tokens per model", "| fp32 | 0.002 | 3 | 1.5000 | 100.00 |  |",
                "| ternary | 0.002 | 3 | 1.5000 | 106.00 | +6.00 % [+3.52, +8.48] |", "after 500 tokens of seed 1");
    }

    @Test
    void theChartShowsTheFirstSeedOverMillionsOfTokens() {
        List<LanguageRun.Evaluation> curve = List.of(new LanguageRun.Evaluation(5, 3, 2.5), new LanguageRun.Evaluation(10, 2, 1.5));
        List<LanguageRun> runs = List.of(new LanguageRun("fp32", 0.002, 1, 10, 5_000_000, 1, 10, 2, 1.5, 100, curve, 20, "done", "cpu"),
                run("ternary", 1, 100), new LanguageRun("fp32", 0.002, 2, 10, 5_000_000, 1, 10, 2, 1.5, 100, curve, 20, "done", "cpu"));
        List<Curve> curves = new TwinReport(5_000_000, 1, List.of(), runs).curves();
        assertThat(curves).as("without evaluations there is no line").extracting(Curve::name).containsExactly("fp32");
        assertThat(curves.getFirst().x()).containsExactly(2.5, 5);
        assertThat(curves.getFirst().y()).containsExactly(2.5, 1.5);
    }

    @Test
    void oneSeedHasAGapButNoInterval() {
        TwinReport report = new TwinReport(1000, 500, List.of(), List.of(run("fp32", 1, 100), run("4-bit", 1, 101)));
        assertThat(report.markdown()).contains("| +1.00 % |").doesNotContain("NaN");
    }

    @Test
    void wordsAreCountedAcrossPiecesAndLineEndsCount() {
        WordCount words = new WordCount();
        for (String piece : List.of(" \n = Rob", "ert = \n", "", "a b", "\n", "c")) {
            words.add(piece);
        }
        assertThat(words.count()).as("= Robert = a b c and three line ends").isEqualTo(9);
    }
}
