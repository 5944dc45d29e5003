package org.setun.cli;

import java.util.List;
import java.util.Optional;
import org.setun.cli.inspect.Printable;
import org.setun.formats.NearNames;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Says in one line what is wrong with a command line. A word that no option has comes first, with the nearest one: an option that seems to be
 * missing is often one that was mistyped.
 */
final class UsageErrors {

    private UsageErrors() {
    }

    static int handle(ParameterException failure, String[] arguments) {
        CommandLine line = failure.getCommandLine();
        String message = unknown(failure, line).orElseGet(() -> String.valueOf(failure.getMessage()));
        line.getErr().println(line.getColorScheme().errorText("setun: " + Printable.of(message) + "; see "
                + line.getCommandSpec().qualifiedName() + " --help"));
        return Failures.USAGE;
    }

    private static Optional<String> unknown(ParameterException failure, CommandLine line) {
        List<String> unmatched = failure instanceof UnmatchedArgumentException other ? other.getUnmatched() : line.getUnmatchedArguments();
        Optional<String> option = unmatched.stream().filter(word -> word.startsWith("-") && word.length() > 1).findFirst();
        if (option.isPresent()) {
            String name = option.get().split("=", 2)[0];
            return Optional.of("unknown option " + name + nearest(name, List.copyOf(line.getCommandSpec().optionsMap().keySet())));
        }
        if (failure instanceof UnmatchedArgumentException && !unmatched.isEmpty() && !line.getSubcommands().isEmpty()) {
            return Optional.of("unknown command " + unmatched.getFirst()
                    + nearest(unmatched.getFirst(), List.copyOf(line.getSubcommands().keySet())));
        }
        return Optional.empty();
    }

    private static String nearest(String name, List<String> names) {
        return NearNames.of(name, names, 1).stream().findFirst().map(near -> "; the nearest is " + near).orElse("");
    }
}
