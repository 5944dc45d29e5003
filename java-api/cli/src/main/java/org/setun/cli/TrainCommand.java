package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.lm.LanguageModelTraining;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code setun train CONFIG.toml}: trains a language model as a configuration says. */
@Command(name = "train", mixinStandardHelpOptions = true, description = {"Trains a language model as a TOML file says.",
        "Ctrl-C saves a checkpoint first; --resume continues from it with the same losses."})
final class TrainCommand implements Callable<Integer> {

    private static final int INTERRUPTED = 130;

    @Mixin
    ConfigOptions source = new ConfigOptions();

    @Option(names = "--resume", description = "Continue with the newest checkpoint of checkpoint.folder; begin if there is none.")
    boolean resume;

    @Option(names = "--skip-damaged", description = "With --resume: pass over checkpoints that are damaged.")
    boolean skipDamaged;

    @Option(names = "--print-config", description = "Print the whole configuration, defaults included, and stop.")
    boolean printConfig;

    @Option(names = "--json", description = "Print every event, and the result, as a line of JSON.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        TrainingConfig config = source.read();
        if (printConfig) {
            System.out.print(ConfigWriter.toToml(config));
            return 0;
        }
        noteFreshStart(config);
        requireNoTwin(config);
        boolean bar = ProgressLine.onTerminal() && !json;
        if (bar) {
            config = ConfigReader.override(config, List.of("logging.log_level=warn"));
        }
        try (Backend backend = Backends.open();
                StopFlag stop = StopFlag.onInterrupt();
                TrainingProgress progress = new TrainingProgress(json);
                LanguageModelTraining training = LanguageModelTraining.open(config, backend).stopFlag(stop)) {
            if (bar || json) {
                training.listener(progress);
            }
            report(config.quantization().weights(), training.train(mode()));
            if (config.training().twin() && stop.reason() == null) {
                report(WeightQuantizer.NONE, training.train(WeightQuantizer.NONE, mode()));
            }
            return stop.reason() == null ? 0 : INTERRUPTED;
        }
    }

    /** Says that there is nothing to resume: a mistyped folder would otherwise go unnoticed. */
    private void noteFreshStart(TrainingConfig config) throws IOException {
        if (mode() == LanguageModelTraining.Resume.NEW) {
            return;
        }
        if (config.checkpoint().folder().isEmpty()) {
            throw new IllegalArgumentException("checkpoint.folder is empty: --resume needs the folder of the earlier run");
        }
        Path folder = Path.of(config.checkpoint().folder(), name(config.quantization().weights()));
        if (CheckpointStore.list(folder).isEmpty()) {
            System.err.println("setun: no checkpoint in " + folder + "; starting anew");
        }
    }

    /** Says before the first model is trained what would stop the second. */
    private void requireNoTwin(TrainingConfig config) throws IOException {
        if (config.training().twin() && mode() == LanguageModelTraining.Resume.NEW && !config.checkpoint().folder().isEmpty()) {
            Path folder = Path.of(config.checkpoint().folder(), LanguageModelTraining.FULL_PRECISION);
            if (!CheckpointStore.list(folder).isEmpty()) {
                throw new IllegalArgumentException(
                        "checkpoint folder " + folder + " holds the twin of an earlier run: --resume it or choose another"
                                + " checkpoint.folder");
            }
        }
    }

    private LanguageModelTraining.Resume mode() {
        if (skipDamaged) {
            return LanguageModelTraining.Resume.LATEST_USABLE;
        }
        return resume ? LanguageModelTraining.Resume.LATEST : LanguageModelTraining.Resume.NEW;
    }

    private static String name(WeightQuantizer weights) {
        return LanguageModelTraining.name(weights);
    }

    private void report(WeightQuantizer weights, LanguageModelTraining.Outcome outcome) {
        String name = name(weights);
        if (json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("result", name);
            result.put("steps", outcome.result().steps());
            result.put("bits_per_byte", outcome.bitsPerByte());
            result.put("perplexity", outcome.perplexity());
            result.put("seconds", outcome.result().seconds());
            System.out.println(Json.line(result));
        } else if (Double.isNaN(outcome.bitsPerByte())) {
            System.out.printf(Locale.ROOT, "%s: stopped after %d steps in %.0f s; --resume goes on%n", name, outcome.result().steps(),
                    outcome.result().seconds());
        } else {
            System.out.printf(Locale.ROOT, "%s: %d steps in %.0f s, held out: %.4f bits per byte, perplexity %.2f%n", name,
                    outcome.result().steps(),
                    outcome.result().seconds(), outcome.bitsPerByte(), outcome.perplexity());
        }
    }
}
