package org.setun.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/** Entry point of the {@code setun} command; each subcommand is a class of this package. */
@Command(name = "setun", mixinStandardHelpOptions = true, versionProvider = Main.Version.class, synopsisSubcommandLabel = "COMMAND", description = "Trains and runs ultra-low-bit neural networks on the JVM.", subcommands = {
        DoctorCommand.class, QuickstartCommand.class, TrainCommand.class, QatCommand.class, TuneCommand.class, MnistCommand.class,
        ExportCommand.class,
        GenerateCommand.class, EvalCommand.class, InspectCommand.class, BenchCommand.class, StudyCommand.class, CalibrateCommand.class,
        ImatrixCommand.class, QuantizeCommand.class, DataCommand.class,
        CommandLine.HelpCommand.class}, footer = {"",
                "Exit codes: 0 success, 1 failure while running, 2 wrong usage or input, 130 interrupted."})
public final class Main {

    private Main() {
    }

    public static void main(String[] args) {
        System.exit(run(args));
    }

    /** Runs a command line and returns its exit code. */
    static int run(String... args) {
        Logging.configure();
        return line().execute(args);
    }

    /** The command line with all commands. */
    static CommandLine line() {
        CommandLine line = new CommandLine(new Main());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExecutionExceptionHandler(Failures::handle);
        line.setParameterExceptionHandler(UsageErrors::handle);
        line.setUsageHelpAutoWidth(true);
        return line;
    }

    /** The version in the manifest of this jar. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[]{"setun " + (version == null ? "(development)" : version)};
        }
    }
}
