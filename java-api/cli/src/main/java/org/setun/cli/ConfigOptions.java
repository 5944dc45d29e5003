package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.Presets;
import org.setun.training.config.TrainingConfig;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** How commands are told a configuration: a file, a preset under it, keys over it. */
final class ConfigOptions {

    @Parameters(paramLabel = "CONFIG", arity = "0..1", description = "The TOML file; without one, the defaults and --set.")
    @Nullable
    Path file;

    @Option(names = "--preset", paramLabel = "NAME", description = "A configuration to begin with, for a file that names none: ${COMPLETION-CANDIDATES}.", completionCandidates = PresetNames.class)
    @Nullable
    String preset;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a key, for example training.max_steps=500; may be given several times.")
    List<String> overrides = new ArrayList<>();

    /** For the completion of options that take a preset. */
    static final class PresetNames extends ArrayList<String> {
        private static final long serialVersionUID = 1;

        PresetNames() {
            super(Presets.names());
        }
    }

    /** The configuration, checked. */
    TrainingConfig read() throws IOException {
        if (file != null) {
            InputFiles.requireFile(file, "a TOML file");
        }
        return ConfigReader.read(file, preset, overrides);
    }
}
