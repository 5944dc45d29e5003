package org.setun.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.setun.inference.Activations;
import org.setun.inference.Generation;
import org.setun.inference.GenerationOptions;
import org.setun.inference.Generator;
import org.setun.inference.InferenceModel;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.LogLevel;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.lm.LanguageModelTraining;

/** From a folder of text to a ternary model file and back: train, export, generate. Arguments: folder of text, output file, steps. */
public final class BasicQatTraining {

    private BasicQatTraining() {
    }

    public static void main(String[] args) throws IOException {
        Path text = Path.of(args[0]);
        Path file = Path.of(args[1]);
        TrainingConfig config = TrainingConfig.builder()
                .set("data.paths", List.of(text))
                .set("tokenizer.vocab_size", 320)
                .set("model.layers", 1)
                .set("model.dim", 256)
                .set("model.ffn", 256)
                .set("model.context", 32)
                .set("quantization.weights", WeightQuantizer.TERNARY)
                .set("training.batch_size", 4)
                .set("training.max_steps", Integer.parseInt(args[2]))
                .set("schedule.warmup_steps", 2)
                .set("schedule.learning_rate", 3e-3)
                .set("logging.log_level", LogLevel.OFF)
                .build();
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            LanguageModelTraining.Outcome outcome = training.train(LanguageModelTraining.Resume.NEW);
            System.out.printf("held out: %.3f bits per byte after %d steps%n", outcome.bitsPerByte(), outcome.result().steps());
            GgufExporter.export(backend, outcome.model(), training.tokenizer(), ExportOptions.of("example", MatrixType.TQ2_0), file);
            try (InferenceModel model = InferenceModel.open(file, backend, Activations.INT8); Generator generator = new Generator(model)) {
                Generation generation = generator.generate("the ", GenerationOptions.greedy(8));
                System.out.printf("%,d bytes; the model continues \"the \" with \"%s\"%n", Files.size(file), generation.text());
            }
        }
    }
}
