package org.setun.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.logging.ErrorManager;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;

/** What the libraries log, on standard error in the voice of the command: one line, no time, no class. */
final class Logging extends Handler {

    private static final String PREFIX = "setun: ";

    private Logging() {
        setFormatter(new OneLine());
    }

    /** Takes the place of the JDK's console handler, unless the user configured {@code java.util.logging}. */
    static void configure() {
        if (System.getProperty("java.util.logging.config.file") != null || System.getProperty("java.util.logging.config.class") != null) {
            return;
        }
        LogManager.getLogManager().reset();
        LogManager.getLogManager().getLogger("").addHandler(new Logging());
    }

    @Override
    public void publish(LogRecord logged) {
        if (!isLoggable(logged)) {
            return;
        }
        try {
            System.err.print(getFormatter().format(logged));
        } catch (RuntimeException e) {
            reportError(null, e, ErrorManager.FORMAT_FAILURE);
        }
    }

    @Override
    public void flush() {
        System.err.flush();
    }

    @Override
    public void close() {
        flush();
    }

    /** The message after the command's name; a stack trace only where the record carries one. */
    private static final class OneLine extends Formatter {
        @Override
        public String format(LogRecord logged) {
            String severity = logged.getLevel().intValue() >= Level.SEVERE.intValue()
                    ? "error: "
                    : logged.getLevel().intValue() >= Level.WARNING.intValue() ? "warning: " : "";
            StringWriter text = new StringWriter();
            PrintWriter lines = new PrintWriter(text);
            lines.println(PREFIX + severity + formatMessage(logged));
            if (logged.getThrown() != null) {
                logged.getThrown().printStackTrace(lines);
            }
            lines.flush();
            return text.toString();
        }
    }
}
