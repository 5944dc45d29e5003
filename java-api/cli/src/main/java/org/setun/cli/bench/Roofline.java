package org.setun.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.setun.cli.plot.Curve;
import org.setun.cli.plot.LogLogSvg;

/**
 * The roofline (Williams, Waterman, Patterson 2009) of one number of threads: multiply-adds per byte of weights against 10^9 multiply-adds
 * per second, under the bandwidth and the peaks that the same run measured.
 */
public final class Roofline {

    private Roofline() {
    }

    /**
     * Draws the rows that have the tier and the threads of {@code limits}.
     *
     * @throws IllegalArgumentException if there are none
     */
    public static void write(Path file, Limits limits, List<Row> rows) throws IOException {
        List<Row> shown = rows.stream()
                .filter(row -> row.gmacS() > 0 && row.threads() == limits.threads() && row.tier().equals(limits.tier()))
                .toList();
        if (shown.isEmpty()) {
            throw new IllegalArgumentException(
                    "no row with multiply-adds on " + limits.threads() + " threads was measured: nothing to chart");
        }
        double low = shown.stream().mapToDouble(Row::macsPerByte).min().orElseThrow() / 2;
        double high = Math.max(shown.stream().mapToDouble(Row::macsPerByte).max().orElseThrow() * 4,
                4 * limits.int8GmacS() / limits.readGbS());
        LogLogSvg chart = new LogLogSvg(
                String.format(Locale.ROOT, "Roofline, %s, %d thread%s", limits.tier(), limits.threads(), limits.threads() == 1 ? "" : "s"),
                "multiply-adds per byte of weights read", "10⁹ multiply-adds per second");
        chart.line(roof("int8", limits.int8GmacS(), limits.readGbS(), low, high));
        chart.line(roof("bf16", limits.bf16GmacS(), limits.readGbS(), low, high));
        chart.line(roof("fp32", limits.fp32GmacS(), limits.readGbS(), low, high));
        series(shown).forEach(chart::points);
        Files.writeString(file, chart.render());
    }

    /** Up the slope of the bandwidth, then along the peak. */
    private static Curve roof(String name, double peak, double bandwidth, double low, double high) {
        String label = String.format(Locale.ROOT, "%s: %.0f GMAC/s, reading %.1f GB/s", name, peak, bandwidth);
        double ridge = peak / bandwidth;
        return ridge > low
                ? new Curve(label, new double[]{low, ridge, high}, new double[]{low * bandwidth, peak, peak})
                : new Curve(label, new double[]{low, high}, new double[]{peak, peak});
    }

    /** Points of one kernel, hot or cold, labelled with their activation rows; of several shapes, each with its shape. */
    private static Map<String, List<LogLogSvg.Point>> series(List<Row> rows) {
        boolean shapes = rows.stream().map(row -> new Shape(row.m(), row.k())).distinct().count() > 1;
        Map<String, List<LogLogSvg.Point>> series = new LinkedHashMap<>();
        for (Row row : rows) {
            String shape = shapes ? " " + new Shape(row.m(), row.k()) : "";
            String name = row.kernel() + (row.cold() ? ", cold" : ", in cache") + shape;
            series.computeIfAbsent(name, ignored -> new ArrayList<>())
                    .add(new LogLogSvg.Point("N = " + row.n(), row.macsPerByte(), row.gmacS()));
        }
        return series;
    }
}
