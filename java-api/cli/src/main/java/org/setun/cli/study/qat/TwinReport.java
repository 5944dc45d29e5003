package org.setun.cli.study.qat;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.cli.plot.ChartFile;
import org.setun.cli.plot.Curve;

/** What {@link TwinStudy} found, as a table, a chart, and for a program to read. */
public final class TwinReport {

    /**
     * An arm over its seeds.
     *
     * @param learningRate   the one that was chosen
     * @param seeds          how many runs gave a number
     * @param bitsPerByte    mean of the best evaluations
     * @param wordPerplexity geometric mean of them
     * @param gap            of the perplexity per word to that of the twin with the same seed, as a share of it, with Student's interval over
     *                       the seeds; null for the twin itself
     * @param secondsPerStep mean over the runs
     */
    public record Row(String arm, double learningRate, int seeds, double bitsPerByte, double wordPerplexity, @Nullable Interval gap,
            double secondsPerStep) {
    }

    private final long tokens;
    private final long rateTokens;
    private final List<LanguageRun> rateRuns;
    private final List<LanguageRun> runs;
    private final List<Row> rows = new ArrayList<>();

    TwinReport(long tokens, long rateTokens, List<LanguageRun> rateRuns, List<LanguageRun> runs) {
        this.tokens = tokens;
        this.rateTokens = rateTokens;
        this.rateRuns = List.copyOf(rateRuns);
        this.runs = List.copyOf(runs);
        Map<String, List<LanguageRun>> arms = new LinkedHashMap<>();
        Map<Long, Double> twins = new LinkedHashMap<>();
        for (LanguageRun run : runs) {
            if (!Double.isNaN(run.loss())) {
                arms.computeIfAbsent(run.arm(), arm -> new ArrayList<>()).add(run);
                if (run.arm().equals(TwinArm.FP32.label())) {
                    twins.put(run.seed(), run.wordPerplexity());
                }
            }
        }
        arms.forEach((arm, ofArm) -> rows.add(row(arm, ofArm, twins)));
    }

    private static Row row(String arm, List<LanguageRun> runs, Map<Long, Double> twins) {
        double[] gaps = runs.stream().filter(run -> twins.containsKey(run.seed()))
                .mapToDouble(run -> run.wordPerplexity() / twins.get(run.seed()) - 1).toArray();
        boolean twin = arm.equals(TwinArm.FP32.label());
        return new Row(arm, runs.getFirst().learningRate(), runs.size(),
                runs.stream().mapToDouble(LanguageRun::bitsPerByte).average().orElseThrow(),
                Math.exp(runs.stream().mapToDouble(run -> Math.log(run.wordPerplexity())).average().orElseThrow()),
                twin || gaps.length == 0 ? null : Interval.ofMean(gaps),
                runs.stream().mapToDouble(run -> run.seconds() / run.steps()).average().orElseThrow());
    }

    /** Tokens that each model saw. */
    @JsonProperty
    public long tokens() {
        return tokens;
    }

    /** Tokens of the runs that chose the rates. */
    @JsonProperty
    public long rateTokens() {
        return rateTokens;
    }

    /** The arms. */
    @JsonProperty
    public List<Row> rows() {
        return List.copyOf(rows);
    }

    /** The runs that chose the rates. */
    @JsonProperty
    public List<LanguageRun> rateRuns() {
        return rateRuns;
    }

    /** The runs that are compared. */
    @JsonProperty
    public List<LanguageRun> runs() {
        return runs;
    }

    /** The table of the arms, and what the rates were chosen by. */
    public String markdown() {
        StringBuilder text = new StringBuilder(String.format(Locale.ROOT,
                "%n%,d tokens per model; gap of the perplexity per word to the twin of the same seed, mean and 95 %% interval over the seeds%n%n"
                        + "| arm | rate | seeds | bits per byte | perplexity per word | gap |%n|---|---:|---:|---:|---:|---|%n",
                tokens));
        for (Row row : rows) {
            text.append(String.format(Locale.ROOT, "| %s | %s | %d | %.4f | %.2f | %s |%n", row.arm,
                    LanguageRun.Plan.number(row.learningRate), row.seeds, row.bitsPerByte, row.wordPerplexity, gap(row.gap)));
        }
        text.append(String.format(Locale.ROOT, "%nRates: bits per byte after %,d tokens of seed %d%n%n| arm | rate | bits per byte |%n"
                + "|---|---:|---:|%n", rateTokens, TwinStudy.FIRST_SEED));
        for (LanguageRun run : rateRuns) {
            text.append(String.format(Locale.ROOT, "| %s | %s | %s |%n", run.arm(), LanguageRun.Plan.number(run.learningRate()),
                    Double.isNaN(run.bitsPerByte())
                            ? "failed: " + run.stopReason()
                            : String.format(Locale.ROOT, "%.4f", run.bitsPerByte())));
        }
        runs.stream().filter(run -> Double.isNaN(run.loss())).forEach(run -> text.append(String.format(Locale.ROOT,
                "%nfailed: %s, seed %d: %s%n", run.arm(), run.seed(), run.stopReason())));
        return text.toString();
    }

    private static String gap(@Nullable Interval gap) {
        if (gap == null) {
            return "";
        }
        return Double.isNaN(gap.low())
                ? String.format(Locale.ROOT, "%+.2f %%", 100 * gap.estimate())
                : String.format(Locale.ROOT, "%+.2f %% [%+.2f, %+.2f]", 100 * gap.estimate(), 100 * gap.low(), 100 * gap.high());
    }

    /** Writes the held-out curves of the first seed as a chart; its ending, .svg or .png, chooses the format. */
    public void chart(Path file) throws IOException {
        ChartFile.write(file, "Held-out bits per byte", "million tokens", "bits per byte", curves());
    }

    List<Curve> curves() {
        List<Curve> curves = new ArrayList<>();
        for (LanguageRun run : runs) {
            if (run.seed() == TwinStudy.FIRST_SEED && !run.curve().isEmpty()) {
                double perStep = (double) run.tokens() / run.steps() / 1e6;
                curves.add(new Curve(run.arm(), run.curve().stream().mapToDouble(e -> e.step() * perStep).toArray(),
                        run.curve().stream().mapToDouble(LanguageRun.Evaluation::bitsPerByte).toArray()));
            }
        }
        return curves;
    }
}
