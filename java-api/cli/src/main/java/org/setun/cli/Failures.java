package org.setun.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
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
        boolean input = isInput(failure);
        String message = message(failure); // of a fault of the input it may quote the input
        line.getErr().println(line.getColorScheme().errorText("setun: " + (input ? Printable.of(message) : Printable.lines(message))));
        return input ? USAGE : FAILED;
    }

    /** Whether another command line or another file would help. */
    private static boolean isInput(Throwable failure) {
        return switch (failure) {
            case UncheckedIOException e when e.getCause() instanceof IOException cause -> isInput(cause);
            case IllegalArgumentException _,FormatException _,NoSuchFileException _,AccessDeniedException _,FileAlreadyExistsException _ ->
                true;
            default -> false;
        };
    }

    private static String message(Throwable failure) {
        return switch (failure) {
            case NoSuchFileException e -> "no such file: " + e.getFile();
            case AccessDeniedException e -> e.getReason() == null ? "access denied: " + e.getFile() : e.getReason();
            case FileAlreadyExistsException e -> "already exists: " + e.getFile() + (e.getReason() == null ? "" : ": " + e.getReason());
            case FileSystemException e when e.getReason() != null -> e.getFile() + ": " + e.getReason();
            case UncheckedIOException e when e.getCause() instanceof IOException cause -> message(cause);
            case IllegalArgumentException e when e.getMessage() != null -> e.getMessage();
            case FormatException e -> String.valueOf(e.getMessage());
            case IOException e when e.getClass() == IOException.class && e.getMessage() != null -> e.getMessage();
            default -> failure.getMessage() == null ? failure.toString() : failure.getClass().getSimpleName() + ": " + failure.getMessage();
        };
    }
}
