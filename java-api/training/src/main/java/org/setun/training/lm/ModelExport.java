package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps.Glu;
import org.setun.nn.DecoderConfig;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.ExportReport;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.quant.export.ScaleStorage;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.ptq.KeepRule;
import org.setun.quant.ptq.QuantizeJob;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.quant.ptq.QuantizeReport;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.ActivationQuantizer;
import org.setun.training.config.TrainingConfig.WeightQuantizer;

/**
 * Writes a trained model as GGUF in the way that fits how it was trained. Weights that were trained for one storage format are written in it: the
 * matrices hold the values that training computed with, bit for bit, since the same encoder rounds the same weights. Ternary ones get a ternary type,
 * all others {@link MatrixType#TRAINED}. Embedding and head are stored in half precision.
 */
public final class ModelExport {

    /**
     * How a model is to be written.
     *
     * @param name    {@code general.name}
     * @param license {@code general.license}; empty = none stated
     * @param type    of the matrices; null for the one that fits
     * @param scales  where ternary scales go
     */
    public record Options(String name, String license, @Nullable MatrixType type, ScaleStorage scales) {

        /** The type that fits, exact scales, no licence. */
        public static Options of(String name) {
            return new Options(name, "", null, ScaleStorage.TENSOR);
        }
    }

    private ModelExport() {
    }

    /**
     * Checks that a model that is trained as {@code config} says can be written afterwards.
     *
     * @param vocabulary entries of its tokenizer
     * @throws IllegalArgumentException if no architecture of GGUF computes it, or the type does not fit; the message says what would
     */
    public static void check(TrainingConfig config, int vocabulary, @Nullable MatrixType type) {
        DecoderConfig shape = DecoderFactory.config(config.model(), vocabulary);
        GgufExporter.check(shape, type != null ? type : isOneFormat(config) ? MatrixType.F32 : standard(config, shape));
    }

    /**
     * Writes {@code file}; an older one of that name stays if this fails. Weights of one format go through a file beside it, which is removed.
     *
     * @param threads that encode, at least 1
     * @throws IllegalArgumentException as {@link #check} says, or if the model does not fit the type
     */
    public static ExportReport write(Backend backend, TrainedModel model, Options options, Path file, int threads) throws IOException {
        ExportOptions standard = ExportOptions.of(options.name(), MatrixType.F32).withLicense(options.license());
        if (options.type() == null && isOneFormat(model.config())) {
            return writeFormat(backend, model, standard, file, threads);
        }
        MatrixType type = options.type() != null ? options.type() : standard(model.config(), model.decoder().config());
        return GgufExporter.export(backend, model.decoder(), model.tokenizer(),
                ExportOptions.of(options.name(), type).withLicense(options.license()).withScales(options.scales()), file);
    }

    private static ExportReport writeFormat(Backend backend, TrainedModel model, ExportOptions options, Path file, int threads)
            throws IOException {
        QuantizeOptions quantization = QuantizeOptions.of(WeightFormats.parse(model.config().quantization().format()))
                .withKeeps(tables(model.decoder().config()));
        Path latent = file.resolveSibling(file.getFileName() + ".latent");
        try {
            ExportReport report = GgufExporter.export(backend, model.decoder(), model.tokenizer(),
                    options.withHalfTables(false).withLatent(true), latent);
            try (QuantizeJob job = QuantizeJob.open(latent, null, quantization, backend)) {
                QuantizeReport written = job.run(file, threads, (step, done, total) -> {
                });
                return new ExportReport(file, report.architecture(), written.bytes(), 0, report.warnings());
            }
        } finally {
            Files.deleteIfExists(latent);
        }
    }

    private static List<KeepRule> tables(DecoderConfig shape) {
        KeepRule embedding = KeepRule.parse("token_embd.weight=f16");
        return shape.tiedHead() ? List.of(embedding) : List.of(embedding, KeepRule.parse("output.weight=f16"));
    }

    /** Whether all matrices of the blocks have one format and inputs that a reader has, too, and no other layer is quantized. */
    private static boolean isOneFormat(TrainingConfig config) {
        return config.quantization().weights() == WeightQuantizer.FORMAT && isUniformThroughout(config) && !rotates(config);
    }

    private static boolean isUniformThroughout(TrainingConfig config) {
        TrainingConfig.Quantization trained = config.quantization();
        return trained.layers().isEmpty() && trained.embedding().equals("none") && trained.head().equals("none");
    }

    /** Whether inputs go through a Hadamard transform, which only weights in floating point can take into themselves. */
    private static boolean rotates(TrainingConfig config) {
        ActivationQuantizer inputs = config.quantization().activations();
        return inputs == ActivationQuantizer.HADAMARD_INT8 || inputs == ActivationQuantizer.BITNET_V2
                || inputs == ActivationQuantizer.BITNET_V2_INT4;
    }

    private static MatrixType standard(TrainingConfig config, DecoderConfig shape) {
        WeightQuantizer weights = config.quantization().weights();
        if (weights == WeightQuantizer.NONE) {
            return MatrixType.F16;
        }
        if (weights != WeightQuantizer.TERNARY || !config.quantization().layers().isEmpty() || rotates(config)) {
            return MatrixType.TRAINED;
        }
        if (shape.subNorms() && shape.activation() == Glu.RELU2) {
            return fits(shape, MatrixType.I2_S) ? MatrixType.I2_S : MatrixType.F16;
        }
        return fits(shape, MatrixType.TQ2_0) ? MatrixType.TQ2_0 : MatrixType.TRAINED;
    }

    private static boolean fits(DecoderConfig shape, MatrixType type) {
        int block = type.ggmlType().blockSize();
        return shape.dim() % block == 0 && shape.heads() * shape.headDim() % block == 0 && shape.ffn() % block == 0;
    }
}
