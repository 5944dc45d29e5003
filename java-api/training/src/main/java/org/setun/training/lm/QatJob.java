package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.setun.formats.PartialFile;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.quant.export.ExportReport;
import org.setun.training.TrainingResult;
import org.setun.training.TrainingTask;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigException;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.lm.LanguageModelTraining.Outcome;
import org.setun.training.lm.LanguageModelTraining.Resume;

/**
 * Quantization-aware training of a model that exists, from its file to a file: measures the model and what rounding alone makes of it, trains, and
 * writes what was trained. One caller, on its own thread.
 */
public final class QatJob {

    /** The stages, in their order. */
    public enum Phase {
        /** The model as it is, and as rounding to nearest leaves it, on the held-out text. */
        CALIBRATE,
        /** The student: the model's weights, with the first scales of what is to be learned. */
        INIT,
        /** The model to learn from, or its cached probabilities. */
        TEACHER,
        /** The steps. */
        TRAIN,
        /** The file. */
        EXPORT
    }

    /**
     * How it went, in bits per byte of the held-out text.
     *
     * @param original of the model in full precision
     * @param rounded  of the model rounded to nearest, before training
     * @param trained  of the model that is in the file; of the last step if the training was stopped
     * @param training of the loop
     * @param file     what was written; empty if the training was stopped
     */
    public record Result(double original, double rounded, double trained, TrainingResult training, Optional<ExportReport> file) {
    }

    private QatJob() {
    }

    /**
     * Runs all phases.
     *
     * @param training opened with a {@code model.start} and a {@code checkpoint.folder}, which {@code resume} goes on in; stays open
     * @param name     {@code general.name} in the file
     * @param output   a GGUF file, written as {@link ModelExport} does; an older one stays if anything fails
     * @throws IllegalArgumentException before anything is trained, if no GGUF file could hold the model
     * @throws ConfigException if the configuration has no model to start from, no folder, or quantizes nothing
     */
    public static Result run(LanguageModelTraining training, Backend backend, Resume resume, String name, Path output,
            Consumer<Phase> phases)
            throws IOException {
        TrainingConfig config = training.config();
        WeightQuantizer weights = config.quantization().weights();
        if (config.model().start().isEmpty() || config.checkpoint().folder().isEmpty() || weights == WeightQuantizer.NONE) {
            throw new ConfigException(
                    "model.start = \"" + config.model().start() + "\", checkpoint.folder = \"" + config.checkpoint().folder()
                            + "\", quantization.weights = \"" + LanguageModelTraining.name(weights)
                            + "\": name a model to start from, a folder for checkpoints, and how weights are quantized");
        }
        PartialFile.requireOther(output, List.of(Path.of(config.model().start())));
        ModelExport.check(config, training.tokenizer().vocabSize(), null);
        phases.accept(Phase.CALIBRATE);
        TrainingTask.Evaluation original = training.evaluateStart(WeightQuantizer.NONE);
        TrainingTask.Evaluation rounded = training.evaluateStart(weights);
        phases.accept(Phase.INIT);
        if (config.distillation().enabled()) {
            phases.accept(Phase.TEACHER);
        }
        phases.accept(Phase.TRAIN);
        Outcome outcome = training.train(resume);
        if (outcome.result().steps() < config.training().maxSteps()) {
            return new Result(original.value(), rounded.value(), outcome.bitsPerByte(), outcome.result(), Optional.empty());
        }
        phases.accept(Phase.EXPORT);
        Path folder = Path.of(config.checkpoint().folder(), LanguageModelTraining.name(weights));
        try (MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder).getLast(), pool);
            ExportReport report = ModelExport.write(backend, model, ModelExport.Options.of(name), output,
                    Runtime.getRuntime().availableProcessors());
            boolean isLast = model.state().step() == outcome.result().steps(); // with save_best_only it may be an earlier one
            double trained = isLast ? outcome.bitsPerByte() : training.evaluate(model.decoder()).value();
            return new Result(original.value(), rounded.value(), trained, outcome.result(), Optional.of(report));
        }
    }
}
