package org.setun.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.data.DataSets;
import org.setun.cli.data.Downloader;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code setun data get NAME}: downloads a public data set and checks its SHA-256. */
@Command(name = "data", mixinStandardHelpOptions = true, description = "Downloads public data sets and checks their SHA-256.", subcommands = {
        DataCommand.Get.class})
final class DataCommand {

    @Command(name = "get", mixinStandardHelpOptions = true, description = "Downloads a data set; files that are there and right are kept.")
    static final class Get implements Callable<Integer> {

        @Parameters(paramLabel = "NAME", description = "mnist, wikitext-2 or stories260k.")
        String name = "";

        @Option(names = "--to", paramLabel = "DIR", description = "Folder to put the files in (default: data/NAME).")
        @Nullable
        Path to;

        @Override
        public Integer call() throws Exception {
            DataSets.DataSet set = DataSets.named(name);
            Path folder = to == null ? Path.of("data", set.name()) : to;
            System.out.println(set.name() + ": " + set.description());
            for (DataSets.Entry entry : set.entries()) {
                Downloader.Outcome outcome = new Downloader(ProgressLine::download).fetch(entry, folder);
                System.out.println("  " + folder.resolve(entry.file()) + (outcome == Downloader.Outcome.KEPT ? "  (already there)" : ""));
            }
            return 0;
        }
    }
}
