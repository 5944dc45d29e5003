package org.setun.training.event;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.setun.training.config.TrainingConfig.LogLevel;
import org.setun.training.event.TrainingEvent.Codes;
import org.setun.training.event.TrainingEvent.Epoch;
import org.setun.training.event.TrainingEvent.Evaluated;
import org.setun.training.event.TrainingEvent.Finished;
import org.setun.training.event.TrainingEvent.Progress;
import org.setun.training.event.TrainingEvent.RolledBack;
import org.setun.training.event.TrainingEvent.Sampled;
import org.setun.training.event.TrainingEvent.Saved;
import org.setun.training.event.TrainingEvent.Skipped;
import org.setun.training.event.TrainingEvent.Started;
import org.setun.training.event.TrainingEvent.Step;
import org.setun.training.event.TrainingEvent.Warning;
import org.setun.training.optimizer.QuantizedLayers.CodeChanges;

/** Prints events as lines for people: with {@code INFO} all but single steps, with {@code WARN} only what went wrong. */
public final class ConsoleLog implements TrainingListener {

    private final PrintStream out;
    private final LogLevel level;

    public ConsoleLog(PrintStream out, LogLevel level) {
        this.out = out;
        this.level = level;
    }

    @Override
    public void on(TrainingEvent event, Control control) {
        if (levelOf(event).compareTo(level) >= 0) {
            out.println(String.format(Locale.ROOT, "[%s %d] ", event.run(), event.step()) + text(event));
        }
    }

    private static LogLevel levelOf(TrainingEvent event) {
        return switch (event) {
            case Step s -> LogLevel.DEBUG;
            case Skipped s -> LogLevel.WARN;
            case Warning w -> LogLevel.WARN;
            case RolledBack r -> LogLevel.WARN;
            default -> LogLevel.INFO;
        };
    }

    private static String text(TrainingEvent event) {
        return switch (event) {
            case Started e -> format("%,d parameters on %s, up to step %d", e.parameters(), e.backend(), e.maxSteps());
            case Step e -> format("loss %.4f%s, learning rate %.3g, gradient norm %.3g", e.loss(), terms(e), e.learningRate(),
                    e.gradientNorm());
            case Progress e -> format("of %d: loss %.4f, learning rate %.3g, %,.0f/s, %s left%s", e.maxSteps(), e.loss(), e.learningRate(),
                    e.unitsPerSecond(), duration(e.secondsLeft()), e.skipped() == 0 ? "" : ", " + e.skipped() + " steps skipped");
            case Codes e -> format("codes: %.3g of the weights changed per step, %.3g oscillated, %.3g are frozen",
                    mean(e, CodeChanges::changed), mean(e, CodeChanges::oscillating), mean(e, CodeChanges::frozen));
            case Evaluated e -> format("held out: loss %.4f, %s %.4f%s", e.loss(), e.metric().replace('_', ' '), e.value(),
                    e.best() ? " (best)" : "");
            case Sampled e -> "sample: " + e.prompt() + e.text();
            case Saved e -> format("saved %s in %.2f s, %.0f ms of which training waited", e.folder(), e.seconds(), 1e3 * e.stallSeconds());
            case Skipped e -> format("skipped: loss %s, gradient norm %s, %d in a row", e.loss(), e.gradientNorm(), e.inRow());
            case Epoch e -> format("epoch %d is over", e.epoch());
            case RolledBack e -> format("went back from step %d: %s", e.from(), e.reason());
            case Warning e -> e.message();
            case Finished e -> format("finished after %s: %s", duration(e.seconds()), e.reason());
        };
    }

    /** The parts of a loss that has several. */
    private static String terms(Step step) {
        return step.terms().size() < 2
                ? ""
                : step.terms().entrySet().stream().map(term -> format("%s %.4f", term.getKey(), term.getValue()))
                        .collect(Collectors.joining(", ", " (", ")"));
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    private static String duration(double seconds) {
        if (!Double.isFinite(seconds)) {
            return "?";
        }
        long whole = Math.round(seconds);
        return whole < 60 ? format("%.1f s", seconds) : format("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    }
    private static double mean(Codes codes, ToDoubleFunction<CodeChanges> share) {
        return codes.layers().values().stream().mapToDouble(share).average().orElse(0);
    }
}
