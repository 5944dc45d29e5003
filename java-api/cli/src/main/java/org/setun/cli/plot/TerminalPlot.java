package org.setun.cli.plot;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.DoubleStream;

/** Draws curves with characters: one mark per curve, axes with their ranges, a legend. */
public final class TerminalPlot {

    private static final char[] MARKS = {'*', 'o', '+', 'x', '#', '@'};

    private TerminalPlot() {
    }

    /** The plot as lines of text, {@code width} by {@code height} characters without the axes; points that are not finite are left out. */
    public static String render(List<Curve> curves, int width, int height) {
        double[] x = range(curves, Curve::x);
        double[] y = range(curves, Curve::y);
        if (x.length == 0) {
            return "(nothing to plot)\n";
        }
        char[][] cells = new char[height][width];
        for (char[] row : cells) {
            Arrays.fill(row, ' ');
        }
        for (int c = 0; c < curves.size(); c++) {
            draw(curves.get(c), MARKS[c % MARKS.length], cells, x, y);
        }
        StringBuilder text = new StringBuilder();
        for (int row = 0; row < height; row++) {
            String label = row == 0 ? number(y[1]) : row == height - 1 ? number(y[0]) : "";
            text.append(String.format("%9s |", label)).append(new String(cells[row]).stripTrailing()).append('\n');
        }
        text.append(" ".repeat(10)).append('+').append("-".repeat(width)).append('\n');
        String left = number(x[0]);
        String right = number(x[1]);
        text.append(" ".repeat(11)).append(left).append(" ".repeat(Math.max(1, width - left.length() - right.length()))).append(right)
                .append('\n');
        for (int c = 0; c < curves.size(); c++) {
            text.append(" ".repeat(11)).append(MARKS[c % MARKS.length]).append(' ').append(curves.get(c).name()).append('\n');
        }
        return text.toString();
    }

    private static void draw(Curve curve, char mark, char[][] cells, double[] x, double[] y) {
        int height = cells.length;
        int width = cells[0].length;
        for (int i = 0; i < curve.x().length; i++) {
            if (Double.isFinite(curve.y()[i])) {
                int column = cell(curve.x()[i], x, width);
                int row = height - 1 - cell(curve.y()[i], y, height);
                cells[row][column] = mark;
            }
        }
    }

    private static int cell(double value, double[] range, int cells) {
        double span = range[1] - range[0];
        return span == 0 ? 0 : (int) Math.min(cells - 1, Math.round((value - range[0]) / span * (cells - 1)));
    }

    private static double[] range(List<Curve> curves, Function<Curve, double[]> axis) {
        double[] values = curves.stream().flatMapToDouble(curve -> DoubleStream.of(axis.apply(curve))).filter(Double::isFinite).toArray();
        return values.length == 0
                ? values
                : new double[]{DoubleStream.of(values).min().orElseThrow(), DoubleStream.of(values).max().orElseThrow()};
    }

    private static String number(double value) {
        return Math.abs(value) >= 1000 || value == Math.rint(value)
                ? String.format(Locale.ROOT, "%,.0f", value)
                : String.format(Locale.ROOT, "%.2f", value);
    }
}
