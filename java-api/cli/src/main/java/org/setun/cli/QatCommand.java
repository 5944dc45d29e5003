package org.setun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.inspect.Printable;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.quant.export.ExportReport;
import org.setun.training.StopFlag;
import org.setun.training.config.ConfigBuilder;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.Presets;
import org.setun.training.config.TrainingConfig;
import org.setun.training.lm.LanguageModelTraining;
import org.setun.training.lm.QatJob;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code setun qat MODEL OUTPUT}: trains a model that exists for a format of few bits. */
@Command(name = "qat", mixinStandardHelpOptions = true, description = {
        "Trains a model that exists for a format of few bits, and writes it in that format.",
        "Unless --teacher says otherwise it learns from itself in full precision.",
        "Ctrl-C saves a checkpoint first; the same command with --resume goes on."})
final class QatCommand implements Callable<Integer> {

    private static final int INTERRUPTED = 130;
    private static final int LORA_RANK = 16;

    @Parameters(index = "0", paramLabel = "MODEL", description = "A GGUF, safetensors or llama2.c file, a checkpoint or the folder of a run.")
    Path model = Path.of("");

    @Parameters(index = "1", paramLabel = "OUTPUT", description = "The GGUF file to write; an older one stays until the new one is whole.")
    Path output = Path.of("");

    @Option(names = "--text", split = ",", paramLabel = "PATH", description = "Files, folders and zips of text to train on; several may be given. A part is held out for evaluation.")
    List<Path> text = List.of();

    @Option(names = "--format", paramLabel = "TYPE", description = "A format of setun quantize with all parameters (pi-q2, pi-q3:k=4, pi-tan3:K=14, q4_0), ternary, or a preset: ${COMPLETION-CANDIDATES} (default: as --config says, else q4_0).", completionCandidates = ConfigOptions.PresetNames.class)
    @Nullable
    String format;

    @Option(names = "--config", paramLabel = "FILE", description = "A TOML file as of setun train; the keys of ruvllm-qat.toml are understood.")
    @Nullable
    Path config;

    @Option(names = "--teacher", paramLabel = "FILE", description = "A model to learn from, of the same vocabulary, or none (default: MODEL).")
    @Nullable
    String teacher;

    @Option(names = "--tokenizer", paramLabel = "FILE", description = "Tokenizer of a model that has none of its own (llama2.c's tokenizer.bin, a tokenizer.json).")
    @Nullable
    Path tokenizer;

    @Option(names = "--epochs", paramLabel = "N", description = "Passes over the text (default: 3, or as --config says).")
    @Nullable
    Double epochs;

    @Option(names = "--learning-rate", paramLabel = "RATE", description = "Peak learning rate (default: 1e-5, or as --config says).")
    @Nullable
    Double learningRate;

    @Option(names = "--use-lora", description = "Train changes of low rank in the place of matrices.")
    boolean useLora;

    @Option(names = "--lora-rank", paramLabel = "N", description = "Their rank (default: 16).")
    @Nullable
    Integer loraRank;

    @Option(names = "--folder", paramLabel = "FOLDER", description = "Where checkpoints and tokens are kept (default: OUTPUT.run).")
    @Nullable
    Path folder;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a key of the configuration; may be given several times.")
    List<String> overrides = new ArrayList<>();

    @Option(names = "--resume", description = "Go on with the newest checkpoint of the folder.")
    boolean resume;

    @Option(names = "--print-config", description = "Print the whole configuration and stop.")
    boolean printConfig;

    @Option(names = "--json", description = "Print every event, and the result, as a line of JSON.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        TrainingConfig settings = settings();
        if (printConfig) {
            System.out.print(ConfigWriter.toToml(settings));
            return 0;
        }
        requirePaths(settings);
        boolean bar = ProgressLine.onTerminal() && !json;
        if (bar) {
            settings = ConfigReader.override(settings, List.of("logging.log_level=warn"));
        }
        try (Backend backend = Backends.open();
                StopFlag stop = StopFlag.onInterrupt();
                TrainingProgress progress = new TrainingProgress(json);
                LanguageModelTraining training = LanguageModelTraining.open(settings, backend).stopFlag(stop)) {
            if (bar || json) {
                training.listener(progress);
            }
            QatJob.Result result = QatJob.run(training, backend,
                    resume ? LanguageModelTraining.Resume.LATEST : LanguageModelTraining.Resume.NEW, String.valueOf(output.getFileName()),
                    output, this::announce);
            report(result, training.config());
            result.file().ifPresent(file -> file.warnings().forEach(warning -> System.err.println("warning: " + Printable.of(warning))));
            return stop.reason() == null ? 0 : INTERRUPTED;
        }
    }

    /** What the options say, over the file, over the preset, over what this command does if nothing is said. */
    private TrainingConfig settings() throws IOException {
        boolean preset = format != null && Presets.names().contains(format);
        ConfigBuilder builder = TrainingConfig.builder()
                .preset(preset ? format : "q4_0")
                .standard("distillation.enabled", true)
                .standard("distillation.teacher", model)
                .override(quantizer(preset))
                .override(overrides)
                .set("model.start", model)
                .set("checkpoint.folder", folder == null ? output.resolveSibling(output.getFileName() + ".run") : folder);
        if (config != null) {
            builder.file(config);
        }
        if (!text.isEmpty()) {
            builder.set("data.paths", text);
        }
        if (teacher != null) {
            builder.set("distillation.enabled", !teacher.equals("none")).set("distillation.teacher", teacher.equals("none") ? "" : teacher);
        }
        if (useLora || loraRank != null) {
            builder.set("training.lora_rank", loraRank == null ? LORA_RANK : loraRank);
        }
        set(builder, "tokenizer.file", tokenizer);
        set(builder, "training.epochs", epochs);
        set(builder, "schedule.learning_rate", learningRate);
        return builder.build();
    }

    private static void set(ConfigBuilder builder, String key, @Nullable Object value) {
        if (value != null) {
            builder.set(key, value);
        }
    }

    /** What {@code --format} says, which counts more than the file. */
    private List<String> quantizer(boolean preset) {
        if (format == null) {
            return List.of();
        }
        if (preset) {
            return Presets.overrides(format, "quantization");
        }
        return format.equalsIgnoreCase("ternary")
                ? List.of("quantization.weights=ternary")
                : List.of("quantization.weights=format", "quantization.format=\"" + format + '"');
    }

    private void requirePaths(TrainingConfig settings) throws IOException {
        if (Files.notExists(model)) {
            throw new NoSuchFileException(model.toString());
        }
        if (settings.data().paths().isEmpty()) {
            throw new IllegalArgumentException("--text is missing: name files of text to train on, or data.paths in --config");
        }
        Path parent = output.toAbsolutePath().getParent();
        if (parent != null && Files.notExists(parent)) {
            throw new NoSuchFileException(parent.toString());
        }
    }

    private void announce(QatJob.Phase phase) {
        String name = phase.name().toLowerCase(Locale.ROOT);
        if (json) {
            System.out.println(Json.line(Map.of("event", "phase", "phase", name)));
        } else {
            System.err.println(switch (phase) {
                case CALIBRATE -> "calibrate: the model as it is and as rounding leaves it, on the held-out text";
                case INIT -> "init: the student starts from its weights";
                case TEACHER -> "teacher: learning from a frozen model";
                case TRAIN -> "train";
                case EXPORT -> "export: " + output;
            });
        }
    }

    private void report(QatJob.Result result, TrainingConfig settings) {
        if (json) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("result", "qat");
            line.put("original_bits_per_byte", result.original());
            line.put("rounded_bits_per_byte", result.rounded());
            line.put("trained_bits_per_byte", result.trained());
            line.put("steps", result.training().steps());
            line.put("seconds", result.training().seconds());
            line.put("output", result.file().map(report -> report.file().toString()).orElse(null));
            line.put("bytes", result.file().map(ExportReport::bytes).orElse(0L));
            System.out.println(Json.line(line));
            return;
        }
        System.out.printf(Locale.ROOT, "held out, bits per byte: %.4f in full precision, %.4f rounded", result.original(),
                result.rounded());
        if (result.file().isEmpty()) {
            System.out.printf(Locale.ROOT, "%nstopped after %d of %d steps; the same command with --resume goes on%n",
                    result.training().steps(),
                    settings.training().maxSteps());
        } else {
            ExportReport report = result.file().get();
            System.out.printf(Locale.ROOT, ", %.4f after %d steps (%.0f s)%n%s: architecture %s, %,d bytes%n", result.trained(),
                    result.training().steps(), result.training().seconds(), report.file(), report.architecture(), report.bytes());
        }
    }
}
