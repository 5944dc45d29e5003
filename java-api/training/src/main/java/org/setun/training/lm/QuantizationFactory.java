package org.setun.training.lm;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizationPlan;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.Granularity;
import org.setun.quant.TernaryAbsmean;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.FormatQuantizer;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.ScaleRule;
import org.setun.training.config.ConfigException;
import org.setun.training.config.LayerPattern;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.ProgressiveKind;

/** The quantizers that a configuration describes. */
public final class QuantizationFactory {

    private static final double TERNARY_BITS = 1.58;

    private QuantizationFactory() {
    }

    /** What a run quantizes. A layer that is not quantized has no rounded input, unless one that is shares it. */
    public static QuantizationPlan of(TrainingConfig config) {
        TrainingConfig.Quantization settings = config.quantization();
        Quantization all = ofAll(config);
        List<LayerPattern> patterns = settings.patterns();
        Map<LayerPattern, Quantization> own = new HashMap<>();
        patterns.forEach(pattern -> {
            WeightQuantizer weights = named(config, "quantization.layers", pattern.value());
            own.put(pattern, weights == null ? Quantization.NONE : all.withWeights(weights)); // as in files: who reads F16 rounds no input
        });
        Quantization embedding = table(config, "quantization.embedding", settings.embedding());
        Quantization head = table(config, "quantization.head", settings.head());
        return weight -> switch (weight) {
            case "token_embd.weight" -> config.model().tiedHead() ? head : embedding;
            case "output.weight" -> head;
            default -> patterns.stream().filter(pattern -> pattern.matches(weight)).findFirst().map(own::get).orElse(all);
        };
    }

    private static Quantization ofAll(TrainingConfig config) {
        TrainingConfig.Quantization settings = config.quantization();
        return switch (settings.weights()) {
            case NONE -> Quantization.NONE;
            case TERNARY -> new Quantization(ternary(config), ActivationFactory.of(config));
            case UNIFORM -> new Quantization(uniform(settings, settings.bits(), "quantization.bits"), ActivationFactory.of(config));
            case FORMAT -> new Quantization(new FormatQuantizer(WeightFormats.parse(settings.format())), ActivationFactory.of(config));
        };
    }

    /** Embedding and head: one that is not quantized has no rounded input either. */
    private static Quantization table(TrainingConfig config, String key, String name) {
        WeightQuantizer weights = named(config, key, name);
        return weights == null ? Quantization.NONE : new Quantization(weights, ActivationFactory.of(config));
    }

    /** The quantizer that a key names: none, ternary, a number of bits, or a storage format. */
    private static @Nullable WeightQuantizer named(TrainingConfig config, String key, String name) {
        if (name.equals("none")) {
            return null;
        }
        if (name.equals("ternary")) {
            return ternary(config);
        }
        if (name.matches("[0-9.]+")) {
            return uniform(config.quantization(), bits(key, name), key);
        }
        try {
            return new FormatQuantizer(WeightFormats.parse(name));
        } catch (IllegalArgumentException e) {
            throw new ConfigException(key + " = " + name + ": must be none, ternary, a number of bits, or a format: " + e.getMessage(), e);
        }
    }

    private static double bits(String key, String name) {
        try {
            return Double.parseDouble(name);
        } catch (NumberFormatException e) {
            throw new ConfigException(key + " = " + name + ": is no number of bits", e);
        }
    }

    private static WeightQuantizer ternary(TrainingConfig config) {
        return config.progressive().kind() == ProgressiveKind.NONE && config.progressive().isExact() ? new TernaryAbsmean() : ternary();
    }

    /** BitNet's quantizer, open to schedules. */
    private static WeightQuantizer ternary() {
        return new FakeQuantizer(new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity()), ScaleRule.ABSMEAN, Granularity.TENSOR);
    }

    private static WeightQuantizer uniform(TrainingConfig.Quantization settings, double bits, String key) {
        FakeQuantRule rule = new FakeQuantRule(levels(settings, bits, key), estimator(settings));
        return settings.learnedScale()
                ? new LearnedFakeQuantizer(rule, settings.scale(), settings.granularity(), settings.learnedOffset())
                : new FakeQuantizer(rule, settings.scale(), settings.granularity());
    }

    private static QuantLevels levels(TrainingConfig.Quantization settings, double bits, String key) {
        boolean ternary = bits == TERNARY_BITS;
        if (!ternary && (bits != Math.rint(bits) || bits < 1 || bits > 8)) {
            throw new ConfigException(key + " = " + bits + ": must be 1, 1.58, 2, 3, 4, 5, 6, 7 or 8");
        }
        int whole = (int) bits;
        return switch (settings.levels()) {
            case SIGNED -> ternary ? QuantLevels.ternary() : whole == 1 ? QuantLevels.binary() : QuantLevels.signed(whole);
            case SYMMETRIC -> ternary ? QuantLevels.ternary() : whole == 1 ? QuantLevels.binary() : QuantLevels.symmetric(whole);
            case MID_RISE -> {
                if (ternary) {
                    throw new ConfigException("quantization.levels = \"mid_rise\": has no ternary levels; set " + key + " to 1 to 8");
                }
                yield QuantLevels.midRise(whole);
            }
            case STRETCHED -> {
                if (!ternary && whole != 2) {
                    throw new ConfigException("quantization.levels = \"stretched\": needs " + key + " = 1.58 or 2");
                }
                yield ternary ? QuantLevels.stretchedTernary() : QuantLevels.stretched2Bit();
            }
        };
    }

    private static Estimator estimator(TrainingConfig.Quantization settings) {
        float limit = (float) settings.estimatorLimit();
        float given = (float) settings.estimatorParameter();
        return switch (settings.estimator()) {
            case IDENTITY -> new Estimator.Identity();
            case CLIPPED -> new Estimator.Clipped(limit);
            case LSQ -> new Estimator.Lsq(limit);
            case EWGS -> new Estimator.Ewgs(or(given, 0.02f));
            case EWGS_ABS -> new Estimator.EwgsAbsolute(or(given, 0.02f));
            case RESTE -> new Estimator.ReSte(or(given, 2), 0.1f, limit > 0 ? limit : 1.5f);
            case SOFT -> new Estimator.Staircase(or(given, 0.2f), false);
            case DSQ -> new Estimator.Dsq(or(given, 0.2f), true);
            case GUMBEL -> new Estimator.Gumbel(or(given, 0.5f), 0.1f, true);
        };
    }

    private static float or(float given, float standard) {
        return given > 0 ? given : standard;
    }
}
