package org.setun.cli.plot;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/** Lines and labelled points on two logarithmic axes, as SVG with real text: small enough for a document, readable on any background. */
public final class LogLogSvg {

    /** A point and what is written beside it. */
    public record Point(String label, double x, double y) {
    }

    private record Series(String name, List<Point> points) {
    }

    private static final int WIDTH = 900;
    private static final int HEIGHT = 560;
    private static final int LEFT = 70;
    private static final int RIGHT = 30;
    private static final int TOP = 50;
    private static final int BOTTOM = 60;
    private static final int LEGEND_LINE = 18;
    private static final String[] COLORS = {"#1f6fb4", "#d1495b", "#2e8b57", "#b8860b", "#7a4fa3", "#3a8f9e", "#8c564b", "#555555"};
    private static final double MARGIN = 1.15; // room around the outermost values

    private final String title;
    private final String xTitle;
    private final String yTitle;
    private final List<Curve> lines = new ArrayList<>();
    private final List<Series> series = new ArrayList<>();
    private double left;
    private double right;
    private double bottom;
    private double top;

    public LogLogSvg(String title, String xTitle, String yTitle) {
        this.title = title;
        this.xTitle = xTitle;
        this.yTitle = yTitle;
    }

    /** A line; its name is written above its right end. */
    public void line(Curve curve) {
        lines.add(curve);
    }

    /** Points of one kind, in one colour and in the legend. */
    public void points(String name, List<Point> points) {
        series.add(new Series(name, List.copyOf(points)));
    }

    /** The document. */
    public String render() {
        fit();
        int height = HEIGHT + LEGEND_LINE * ((series.size() + 1) / 2);
        StringBuilder svg = new StringBuilder(String.format(Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">%n", WIDTH,
                height));
        svg.append(String.format(Locale.ROOT, "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", WIDTH, height));
        text(svg, WIDTH / 2.0, 26, "middle", 16, "#222222", title);
        text(svg, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 16, "middle", 13, "#222222", xTitle);
        svg.append(String.format(Locale.ROOT, "<g transform=\"translate(18 %d) rotate(-90)\">", (TOP + HEIGHT - BOTTOM) / 2));
        text(svg, 0, 0, "middle", 13, "#222222", yTitle);
        svg.append("</g>\n");
        grid(svg);
        lines.forEach(line -> draw(svg, line));
        for (int i = 0; i < series.size(); i++) {
            draw(svg, series.get(i), i);
        }
        return svg.append("</svg>\n").toString();
    }

    private void fit() {
        double[] xs = values(lines.stream().flatMapToDouble(line -> DoubleStream.of(line.x())), Point::x);
        double[] ys = values(lines.stream().flatMapToDouble(line -> DoubleStream.of(line.y())), Point::y);
        if (xs.length == 0 || xs[0] <= 0 || ys[0] <= 0) {
            throw new IllegalArgumentException("a chart with logarithmic axes needs values, all above 0");
        }
        left = xs[0] / MARGIN;
        right = xs[xs.length - 1] * MARGIN;
        bottom = ys[0] / MARGIN;
        top = ys[ys.length - 1] * MARGIN * MARGIN;
    }

    /** Rising. */
    private double[] values(DoubleStream ofLines, java.util.function.ToDoubleFunction<Point> axis) {
        Stream<Point> points = series.stream().flatMap(s -> s.points.stream());
        return DoubleStream.concat(ofLines, points.mapToDouble(axis)).sorted().toArray();
    }

    private void grid(StringBuilder svg) {
        for (double tick : ticks(left, right)) {
            segment(svg, x(tick), TOP, x(tick), HEIGHT - BOTTOM, "#dddddd", 1);
            text(svg, x(tick), HEIGHT - BOTTOM + 18, "middle", 12, "#444444", number(tick));
        }
        for (double tick : ticks(bottom, top)) {
            segment(svg, LEFT, y(tick), WIDTH - RIGHT, y(tick), "#dddddd", 1);
            text(svg, LEFT - 6, y(tick) + 4, "end", 12, "#444444", number(tick));
        }
        segment(svg, LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "#444444", 1);
        segment(svg, LEFT, TOP, LEFT, HEIGHT - BOTTOM, "#444444", 1);
    }

    /** 1, 2 and 5 of each power of ten between the two. */
    private static double[] ticks(double from, double to) {
        int first = (int) Math.floor(Math.log10(from));
        int last = (int) Math.ceil(Math.log10(to));
        return Stream.iterate(first, power -> power <= last, power -> power + 1)
                .flatMapToDouble(power -> DoubleStream.of(1, 2, 5).map(digit -> digit * Math.pow(10, power)))
                .filter(tick -> tick >= from && tick <= to).toArray();
    }

    private void draw(StringBuilder svg, Curve line) {
        StringBuilder points = new StringBuilder();
        for (int i = 0; i < line.x().length; i++) {
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(line.x()[i]), y(line.y()[i])));
        }
        svg.append(String.format(Locale.ROOT, "<polyline points=\"%s\" fill=\"none\" stroke=\"#333333\" stroke-width=\"1.6\"/>%n",
                points.toString().strip()));
        int end = line.x().length - 1;
        text(svg, x(line.x()[end]) - 4, y(line.y()[end]) - 6, "end", 12, "#333333", line.name());
    }

    private void draw(StringBuilder svg, Series kind, int index) {
        String color = COLORS[index % COLORS.length];
        for (Point point : kind.points) {
            svg.append(
                    String.format(Locale.ROOT, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>%n", x(point.x), y(point.y), color));
            text(svg, x(point.x) + 6, y(point.y) + (index % 2 == 0 ? -5 : 14), "start", 11, color, point.label);
        }
        double row = HEIGHT + 4 + LEGEND_LINE * (index / 2.0 - index % 2 / 2.0);
        double column = LEFT + index % 2 * (WIDTH - LEFT - RIGHT) / 2.0;
        svg.append(String.format(Locale.ROOT, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>%n", column, row - 4, color));
        text(svg, column + 10, row, "start", 12, "#222222", kind.name);
    }

    private double x(double value) {
        return LEFT + (WIDTH - LEFT - RIGHT) * Math.log(value / left) / Math.log(right / left);
    }

    private double y(double value) {
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * Math.log(value / bottom) / Math.log(top / bottom);
    }

    private static void segment(StringBuilder svg, double x1, double y1, double x2, double y2, String color, double width) {
        svg.append(
                String.format(Locale.ROOT, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\"/>%n",
                        x1, y1, x2, y2, color, width));
    }

    private static void text(StringBuilder svg, double x, double y, String anchor, int size, String color, String words) {
        String escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
        svg.append(String.format(Locale.ROOT,
                "<text x=\"%.1f\" y=\"%.1f\" paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\" text-anchor=\"%s\" font-size=\"%d\" fill=\"%s\">%s</text>%n",
                x, y,
                anchor, size, color, escaped));
    }

    private static String number(double value) {
        return value >= 1 ? String.format(Locale.ROOT, "%,.0f", value) : String.format(Locale.ROOT, "%s", (float) value);
    }
}
