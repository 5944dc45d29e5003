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
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.lm.LanguageModelTraining;

/** From a folder of text to a ternary model file and back: train, export, generate. Arguments: folder of text, output file, steps. */
public final class BasicQatTraining {

    private BasicQatTraining() {
    }

    public static void main(String[] args) throws IOException {
        Path text = Path.of(args[0]);
        Path file = Path.of(args[1]);
        TrainingConfig config = ConfigReader.override(TrainingConfig.defaults(),
                List.of("data.paths=[\"" + text + "\"]", "tokenizer.vocab_size=320", "model.layers=1", "model.dim=256", "model.ffn=256",
                        "model.context=32", "training.batch_size=4", "training.max_steps=" + args[2], "schedule.warmup_steps=2",
                        "schedule.learning_rate=3e-3", "logging.log_level=off"));
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
