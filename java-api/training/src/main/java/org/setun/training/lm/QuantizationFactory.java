package org.setun.training.lm;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizationPlan;
import org.setun.nn.WeightQuantizer;
import org.setun.training.config.LayerPattern;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.WeightQuantizers;

/** Which layers a configuration quantizes, and how. */
public final class QuantizationFactory {

    private QuantizationFactory() {
    }

    /** What a run quantizes. A layer that is not quantized has no rounded input, unless one that is shares it. */
    public static QuantizationPlan of(TrainingConfig config) {
        TrainingConfig.Quantization settings = config.quantization();
        WeightQuantizers quantizers = new WeightQuantizers(config);
        WeightQuantizer weights = quantizers.ofAll();
        Quantization all = weights == null ? Quantization.NONE : new Quantization(weights, ActivationFactory.of(config));
        List<LayerPattern> patterns = settings.patterns();
        Map<LayerPattern, Quantization> own = new HashMap<>();
        patterns.forEach(pattern -> {
            WeightQuantizer given = quantizers.named("quantization.layers", pattern.value());
            own.put(pattern, given == null ? Quantization.NONE : all.withWeights(given)); // as in files: who reads F16 rounds no input
        });
        Quantization embedding = table(config, quantizers.named("quantization.embedding", settings.embedding()));
        Quantization head = table(config, quantizers.named("quantization.head", settings.head()));
        return weight -> switch (weight) {
            case "token_embd.weight" -> config.model().tiedHead() ? head : embedding;
            case "output.weight" -> head;
            default -> patterns.stream().filter(pattern -> pattern.matches(weight)).findFirst().map(own::get).orElse(all);
        };
    }

    /** Embedding and head: one that is not quantized has no rounded input either. */
    private static Quantization table(TrainingConfig config, @Nullable WeightQuantizer weights) {
        return weights == null ? Quantization.NONE : new Quantization(weights, ActivationFactory.of(config));
    }
}
