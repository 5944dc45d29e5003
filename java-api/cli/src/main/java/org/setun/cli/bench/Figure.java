package org.setun.cli.bench;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Locale;

/**
 * A line of the table of figures to reach. NaN where there is no such number.
 *
 * @param name     the case
 * @param must     what has to be reached
 * @param aim      what is wished for
 * @param measured what was measured
 * @param unit     of the three
 * @param lower    true if smaller is better
 * @param note     what explains the number, or why there is none
 */
public record Figure(@JsonProperty("case") String name, double must, double aim, double measured, Unit unit, @JsonIgnore boolean lower,
        String note) {

    /** How numbers are written. */
    public enum Unit {
        /** A share of 1. */
        PERCENT("%.0f %%", 100),
        /** A ratio. */
        TIMES("%.2f ×", 1),
        /** 10^9 multiply-adds per second. */
        GMAC_S("%,.0f GMAC/s", 1),
        /** Nanoseconds. */
        NANOS("%.0f ns", 1),
        /** Seconds, shown as milliseconds. */
        MILLIS("%.0f ms", 1e3);

        private final String format;
        private final double factor;

        Unit(String format, double factor) {
            this.format = format;
            this.factor = factor;
        }

        /** "–" if there is no number. */
        public String text(double value) {
            return Double.isNaN(value) ? "–" : String.format(Locale.ROOT, format, factor * value);
        }
    }

    /** What comes of the comparison. */
    public enum Verdict {
        /** The aim is reached. */
        AIM,
        /** The must is reached. */
        MUST,
        /** The must is missed. */
        MISSED,
        /** Measured; there is nothing to compare with here. */
        SHOWN,
        /** Not measured: never a pass. */
        NOT_RUN
    }

    static Figure atLeast(String name, double must, double aim, double measured, Unit unit, String note) {
        return new Figure(name, must, aim, measured, unit, false, note);
    }

    static Figure atMost(String name, double must, double aim, double measured, Unit unit, String note) {
        return new Figure(name, must, aim, measured, unit, true, note);
    }

    static Figure notRun(String name, double must, double aim, Unit unit, String why) {
        return new Figure(name, must, aim, Double.NaN, unit, false, why);
    }

    @JsonProperty("verdict")
    public Verdict verdict() {
        if (Double.isNaN(measured)) {
            return Verdict.NOT_RUN;
        }
        if (Double.isNaN(must) && Double.isNaN(aim)) {
            return Verdict.SHOWN;
        }
        return reaches(aim) ? Verdict.AIM : reaches(must) ? Verdict.MUST : Verdict.MISSED;
    }

    private boolean reaches(double goal) {
        return lower ? measured <= goal : measured >= goal; // false if there is no goal
    }

    /** "≥ 90 %". */
    public String text(double goal) {
        return Double.isNaN(goal) ? "–" : (lower ? "≤ " : "≥ ") + unit.text(goal);
    }

    /** The verdict in words. */
    public String verdictText() {
        return switch (verdict()) {
            case AIM -> "aim reached";
            case MUST -> "must reached";
            case MISSED -> "missed";
            case SHOWN -> "shown";
            case NOT_RUN -> "not run";
        };
    }
}
