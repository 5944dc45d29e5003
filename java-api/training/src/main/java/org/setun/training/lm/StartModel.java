package org.setun.training.lm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.Parameter;
import org.setun.nn.ParameterValues;
import org.setun.nn.QuantizationPlan;
import org.setun.nn.Shape;
import org.setun.quant.model.ModelFile;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;

/**
 * The model that {@code model.start} names: GGUF, safetensors, llama2.c, a checkpoint or the folder of a run. A run that starts from it has its shape,
 * its weights and, unless {@code tokenizer.file} names another, its tokenizer.
 */
final class StartModel {

    private StartModel() {
    }

    /** What is known of the model without its weights. */
    private record Head(DecoderConfig shape, Optional<Tokenizer> tokenizer) {
    }

    private static Head head(TrainingConfig config) throws IOException {
        Path path = Path.of(config.model().start());
        Optional<Path> checkpoint = Teacher.checkpoint(path);
        if (checkpoint.isPresent()) {
            TrainedModel.Head head = TrainedModel.head(checkpoint.get());
            return new Head(DecoderFactory.config(head.config().model(), head.tokenizer().vocabSize()), Optional.of(head.tokenizer()));
        }
        try (ModelFile file = ModelFile.open(path, null)) {
            return new Head(file.config(), file.tokenizer());
        }
    }

    /** The tokenizer of the run: the one that the configuration names, or the model's. */
    static Tokenizer tokenizer(TrainingConfig config) throws IOException {
        if (!config.tokenizer().file().isEmpty()) {
            return TokenizerFiles.open(Path.of(config.tokenizer().file()));
        }
        return head(config).tokenizer().orElseThrow(() -> new IllegalArgumentException("model.start = " + config.model().start()
                + " has no tokenizer: name its tokenizer.json, tokenizer.bin or a GGUF file with it as tokenizer.file"));
    }

    /**
     * The configuration with the model's shape; itself without {@code model.start}.
     *
     * @throws ConfigException if it asks for another shape, or for more context than the model knows
     */
    static TrainingConfig adopt(TrainingConfig config) throws IOException {
        if (config.model().start().isEmpty()) {
            return config;
        }
        DecoderConfig shape = head(config).shape();
        Map<String, Object> given = section(config);
        Map<String, Object> standard = section(TrainingConfig.defaults());
        List<String> keys = new ArrayList<>();
        keys(shape).forEach((key, value) -> {
            Object set = given.get(key);
            if (!same(set, value) && !same(set, standard.get(key)) && !(key.equals("head_dim") && same(set, 0))) {
                throw new ConfigException("model." + key + " = " + set + ": " + config.model().start() + " has " + value
                        + "; leave the key out, the shape is the model's");
            }
            keys.add("model." + key + "=" + value);
        });
        if (config.model().context() > shape.context()) {
            throw new ConfigException("model.context = " + config.model().context() + ": " + config.model().start() + " knows "
                    + shape.context() + " positions; set model.context to at most that");
        }
        return ConfigReader.override(config, keys);
    }

    private static Map<String, Object> section(TrainingConfig config) {
        return ConfigWriter.toMap(config).get("model");
    }

    private static boolean same(@Nullable Object a, @Nullable Object b) {
        return a instanceof Number x && b instanceof Number y
                ? x.doubleValue() == y.doubleValue()
                : String.valueOf(a).equalsIgnoreCase(String.valueOf(b));
    }

    private static Map<String, Object> keys(DecoderConfig shape) {
        Map<String, Object> keys = new LinkedHashMap<>();
        keys.put("dim", shape.dim());
        keys.put("layers", shape.layers());
        keys.put("heads", shape.heads());
        keys.put("kv_heads", shape.kvHeads());
        keys.put("head_dim", shape.headDim());
        keys.put("ffn", shape.ffn());
        keys.put("activation", shape.activation().toString().toLowerCase(Locale.ROOT));
        keys.put("sub_norms", shape.subNorms());
        keys.put("rope", shape.rope().toString().toLowerCase(Locale.ROOT));
        keys.put("rope_theta", (double) shape.ropeTheta());
        keys.put("norm_eps", Double.parseDouble(Float.toString(shape.normEps())));
        keys.put("tied_head", shape.tiedHead());
        keys.put("qkv_bias", shape.qkvBias());
        keys.put("head_norms", shape.headNorms());
        return keys;
    }

    /** A model with the weights of the start, quantized as {@code config}, which has {@linkplain #adopt adopted} its shape, says. */
    static Decoder decoder(TrainingConfig config, int vocabulary, Backend backend, Allocator allocator) throws IOException {
        DecoderConfig shape = DecoderFactory.config(config.model(), vocabulary);
        QuantizationPlan plan = QuantizationFactory.of(config);
        Path path = Path.of(config.model().start());
        Optional<Path> checkpoint = Teacher.checkpoint(path);
        if (checkpoint.isEmpty()) {
            try (ModelFile file = ModelFile.open(path, null)) {
                requireVocabulary(config, file.config().vocab(), vocabulary);
                return file.decoder(allocator, shape, plan);
            }
        }
        try (MemoryPool pool = new MemoryPool(backend)) {
            Decoder trained = TrainedModel.load(checkpoint.get(), pool).decoder();
            requireVocabulary(config, trained.config().vocab(), vocabulary);
            return new Decoder(shape, plan, allocator, new Values(trained));
        }
    }

    private static void requireVocabulary(TrainingConfig config, int models, int tokenizers) {
        if (models != tokenizers) {
            throw new IllegalArgumentException("model.start = " + config.model().start() + " has " + models + " tokens, tokenizer.file = "
                    + config.tokenizer().file() + " has " + tokenizers + ": both need one vocabulary");
        }
    }

    /** The latent weights of a trained model. */
    private record Values(Decoder trained) implements ParameterValues {

        @Override
        public void require(String name, Shape shape) {
            Parameter parameter = trained.parameter(name);
            if (!parameter.shape().equals(shape)) {
                throw new IllegalArgumentException(name + " has the shape " + parameter.shape() + " in model.start, must be " + shape);
            }
        }

        @Override
        public void read(String name, MemorySegment values) {
            MemorySegment.copy(trained.parameter(name).value().segment(), 0, values, 0, values.byteSize());
        }
    }
}
