package org.setun.cli.bench;

import java.util.List;
import java.util.Locale;

/** The table of figures as text for a terminal and as Markdown. */
public final class FigureTable {

    private FigureTable() {
    }

    /** One line for each figure, in columns. */
    public static String text(List<Figure> figures) {
        int width = figures.stream().mapToInt(figure -> figure.name().length()).max().orElse(4);
        StringBuilder text = new StringBuilder(line(width, "case", "must", "aim", "measured", "verdict", ""));
        for (Figure f : figures) {
            text.append(line(width, f.name(), f.text(f.must()), f.text(f.aim()), f.unit().text(f.measured()), f.verdictText(), f.note()));
        }
        return text.toString();
    }

    private static String line(int width, String name, String must, String aim, String measured, String verdict, String note) {
        return String.format(Locale.ROOT, "%-" + width + "s  %13s %13s %13s  %-12s  %s", name, must, aim, measured, verdict, note)
                .stripTrailing() + "\n";
    }

    /** A table of Markdown. */
    public static String markdown(List<Figure> figures) {
        StringBuilder text = new StringBuilder("| case | must | aim | measured | verdict | |\n|---|---:|---:|---:|---|---|\n");
        for (Figure f : figures) {
            text.append(String.join(" | ", "| " + f.name(), f.text(f.must()), f.text(f.aim()), f.unit().text(f.measured()), f.verdictText(),
                    f.note())).append(" |\n");
        }
        return text.toString();
    }
}
