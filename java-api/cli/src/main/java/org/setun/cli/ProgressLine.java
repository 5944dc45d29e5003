package org.setun.cli;

import java.io.Console;
import java.time.Duration;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.setun.cli.inspect.Printable;

/**
 * Progress of long work on standard error: a bar with rate and time left on a terminal, a line every ten seconds elsewhere (logs stay
 * readable, and {@code --json} output on standard output stays clean).
 */
final class ProgressLine implements AutoCloseable {

    private static final long LINE_EVERY_NANOS = Duration.ofSeconds(10).toNanos();

    private static @Nullable ProgressLine download;

    private final String task;
    private final String unit;
    private final long total;
    private final long started = System.nanoTime();
    private final @Nullable ProgressBar bar;
    private long lastLine = started;

    ProgressLine(String task, String unit, long total) {
        this.task = task;
        this.unit = unit;
        this.total = total;
        this.bar = onTerminal() ? bar(task, unit, total) : null;
    }

    /** Work done so far, and what to say about it, in one line ("loss 2.31, 5,120 tok/s"). */
    void at(long done, String text) {
        String message = Printable.of(text); // names of tensors among it
        if (bar != null) {
            bar.stepTo(done);
            bar.setExtraMessage(message);
        } else if (System.nanoTime() - lastLine > LINE_EVERY_NANOS) {
            lastLine = System.nanoTime();
            System.err.println(task + ": " + done + (total > 0 ? "/" + total : "") + " " + unit + "  " + message + timeLeft(done));
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }

    /** Progress of {@code setun data get}: one bar per file. */
    static synchronized void download(String file, long received, long size) {
        if (download == null || !download.task.equals(file)) {
            download = new ProgressLine(file, "B", size);
        }
        download.at(received, "");
        if (received == size) {
            download.close();
            download = null;
        }
    }

    static boolean onTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    private static ProgressBar bar(String task, String unit, long total) {
        return new ProgressBarBuilder().setTaskName(task).setInitialMax(total).setUnit(" " + unit, 1).showSpeed()
                .setUpdateIntervalMillis(200)
                .setStyle(ProgressBarStyle.ASCII).build();
    }

    private String timeLeft(long done) {
        if (total <= 0 || done <= 0) {
            return "";
        }
        double seconds = (System.nanoTime() - started) / 1e9 * (total - done) / done;
        return String.format("  (%.0f s left)", seconds);
    }
}
