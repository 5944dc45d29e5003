package org.setun.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import org.setun.cli.inspect.Printable;
import org.setun.formats.FormatException;
import picocli.CommandLine;
import picocli.CommandLine.ParseResult;

/** Turns exceptions into one clear line and an exit code; the stack trace is shown with {@code -Dsetun.debug=true}. */
final class Failures {

    static final int FAILED = 1;
    static final int USAGE = 2;

    private Failures() {
    }

    static int handle(Exception failure, CommandLine line, ParseResult parsed) {
        if (Boolean.getBoolean("setun.debug")) {
            failure.printStackTrace(line.getErr());
        }
        boolean input = failure instanceof IllegalArgumentException || failure instanceof FormatException
                || failure instanceof NoSuchFileException;
        String message = message(failure); // of a fault of the input it may quote the input
        line.getErr().println(line.getColorScheme().errorText("setun: " + (input ? Printable.of(message) : Printable.lines(message))));
        return input ? USAGE : FAILED;
    }

    private static String message(Throwable failure) {
        return switch (failure) {
            case NoSuchFileException e -> "no such file: " + e.getFile();
            case AccessDeniedException e -> "access denied: " + e.getFile();
            case FileAlreadyExistsException e -> "already exists: " + e.getFile();
            case UncheckedIOException e when e.getCause() instanceof IOException cause -> message(cause);
            case IllegalArgumentException e when e.getMessage() != null -> e.getMessage();
            case FormatException e -> String.valueOf(e.getMessage());
            default -> failure.getMessage() == null ? failure.toString() : failure.getClass().getSimpleName() + ": " + failure.getMessage();
        };
    }
}
