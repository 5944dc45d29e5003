package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.setun.kernels.Backend;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.ptq.QuantizeJob;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.quant.ptq.QuantizeProgress;
import org.setun.quant.ptq.QuantizeReport;
import org.setun.training.config.TrainingConfig.WeightQuantizer;

/**
 * Writes a model whose weights were trained for a storage format ({@code quantization.weights = "format"}) in that format: the matrices hold the
 * values that training computed with, bit for bit, since the same encoder rounds the same weights.
 */
public final class ModelExport {

    private ModelExport() {
    }

    /**
     * Writes {@code file}; an older one of that name stays if this fails. The latent weights go through a file beside it, which is removed.
     *
     * @param name    {@code general.name}
     * @param license {@code general.license}; empty = none stated
     * @param threads that encode, at least 1
     * @throws IllegalArgumentException if the weights were not trained for a format, or no architecture of GGUF computes the model
     */
    public static QuantizeReport write(Backend backend, TrainedModel model, String name, String license, Path file, int threads,
            QuantizeProgress progress) throws IOException {
        if (model.config().quantization().weights() != WeightQuantizer.FORMAT) {
            throw new IllegalArgumentException("quantization.weights = " + model.config().quantization().weights()
                    + ": only weights trained for a format are written in it; use GgufExporter with a type of matrices");
        }
        QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse(model.config().quantization().format()));
        Path latent = file.resolveSibling(file.getFileName() + ".latent");
        try {
            GgufExporter.export(backend, model.decoder(), model.tokenizer(),
                    ExportOptions.of(name, MatrixType.F32).withLicense(license).withHalfTables(false).withLatent(true), latent);
            try (QuantizeJob job = QuantizeJob.open(latent, null, options, backend)) {
                return job.run(file, threads, progress);
            }
        } finally {
            Files.deleteIfExists(latent);
        }
    }
}
