package org.setun.cli.study;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** The tables of a study as Markdown, which is also what a terminal shows. */
public final class StudyTables {

    private StudyTables() {
    }

    /** One table for each number of bits: a row per arm, a column per distribution. */
    static String distributions(List<PiStudy.DistributionRow> rows) {
        StringBuilder text = new StringBuilder();
        for (int bits : rows.stream().map(PiStudy.DistributionRow::bits).collect(Collectors.toCollection(LinkedHashSet::new))) {
            Set<String> distributions = new LinkedHashSet<>();
            Set<String> arms = new LinkedHashSet<>();
            rows.stream().filter(row -> row.bits() == bits).forEach(row -> {
                distributions.add(row.distribution());
                arms.add(row.arm());
            });
            text.append("\n| ").append(bits).append(" bits, MSE of variance 1 | ").append(String.join(" | ", distributions))
                    .append(" |\n|---|")
                    .append("---:|".repeat(distributions.size())).append('\n');
            for (String arm : arms) {
                List<String> cells = new ArrayList<>(List.of(arm));
                for (String distribution : distributions) {
                    rows.stream().filter(row -> row.bits() == bits && row.arm().equals(arm) && row.distribution().equals(distribution))
                            .forEach(row -> cells.add(cell(row)));
                }
                text.append("| ").append(String.join(" | ", cells)).append(" |\n");
            }
        }
        return text.toString();
    }

    /** A mean with the deviation of the mean, which one sample does not have. */
    private static String cell(PiStudy.DistributionRow row) {
        return Double.isNaN(row.spread())
                ? String.format(Locale.ROOT, "%.5f", row.mse())
                : String.format(Locale.ROOT, "%.5f ± %.5f", row.mse(), row.spread());
    }

    /** One table for each model and number of bits. */
    static String models(List<PiStudy.ModelRow> rows) {
        StringBuilder text = new StringBuilder();
        String table = "";
        for (PiStudy.ModelRow row : rows) {
            String title = row.model() + ", " + row.bits() + " bits";
            if (!title.equals(table)) {
                table = title;
                text.append(String.format(Locale.ROOT, "%n**%s** (%s; unquantized perplexity %.4f)%n%n", title, row.data(),
                        row.referencePerplexity()));
                text.append(
                        "| arm | bits per weight | weight error | output error | KL | agreement | accuracy | perplexity | against the best uniform, 95 % |\n"
                                + "|---|---:|---:|---:|---:|---:|---:|---:|---|\n");
            }
            text.append(String.format(Locale.ROOT, "| %s | %.4f | %.5f | %s | %.4f | %.2f %% | %.2f %% | %.4f | %s |%n", row.arm(),
                    row.bitsPerWeight(), row.error(),
                    Double.isNaN(row.outputError()) ? "" : String.format(Locale.ROOT, "%.5f", row.outputError()), row.divergence(),
                    100 * row.agreement(), 100 * row.accuracy(), row.perplexity(),
                    row.difference() == null
                            ? "the best uniform grid"
                            : String.format(Locale.ROOT, "%+.4f [%+.4f, %+.4f]%s", row.difference().estimate(), row.difference().low(),
                                    row.difference().high(), row.difference().excludesZero() ? "" : " n.s.")));
        }
        return text.toString();
    }
}
