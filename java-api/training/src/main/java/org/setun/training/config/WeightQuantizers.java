package org.setun.training.config;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.Granularity;
import org.setun.quant.TernaryAbsmean;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.FormatQuantizer;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.ScaleRule;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.config.TrainingConfig.Quantization;

/** The quantizers of weights that the keys of {@code [quantization]} name. */
public final class WeightQuantizers {

    private static final double TERNARY_BITS = 1.58;

    private final Quantization settings;
    private final boolean fixed;

    /** The quantizers of {@code config}. */
    public WeightQuantizers(TrainingConfig config) {
        settings = config.quantization();
        fixed = config.progressive().kind() == ProgressiveKind.NONE && config.progressive().isExact();
    }

    /** That of the layers which no pattern names; null if they keep full precision. */
    public @Nullable WeightQuantizer ofAll() {
        return switch (settings.weights()) {
            case NONE -> null;
            case TERNARY -> ternary();
            case UNIFORM -> uniform(settings.bits(), "quantization.bits");
            case FORMAT -> format();
        };
    }

    /**
     * That of a layer of its own: none, ternary, a number of bits, or a storage format.
     *
     * @param key  that names it, for the message
     * @param name its value
     * @return null for none
     * @throws ConfigException if there is none of this name
     */
    public @Nullable WeightQuantizer named(String key, String name) {
        if (name.equals("none")) {
            return null;
        }
        if (name.equals("ternary")) {
            return ternary();
        }
        if (name.matches("[0-9.]+")) {
            return uniform(bits(key, name), key);
        }
        try {
            return new FormatQuantizer(WeightFormats.parse(name));
        } catch (IllegalArgumentException e) {
            throw new ConfigException(key + " = " + name + ": must be none, ternary, a number of bits, or a format: " + e.getMessage(), e);
        }
    }

    /** Makes each once, so that a name without meaning is found before any work. */
    void check() {
        ofAll();
        settings.patterns().stream().map(LayerPattern::value).distinct().forEach(value -> named("quantization.layers", value));
        named("quantization.embedding", settings.embedding());
        named("quantization.head", settings.head());
    }

    private WeightQuantizer format() {
        try {
            return new FormatQuantizer(WeightFormats.parse(settings.format()));
        } catch (IllegalArgumentException e) {
            throw new ConfigException("quantization." + e.getMessage(), e);
        }
    }

    private static double bits(String key, String name) {
        try {
            return Double.parseDouble(name);
        } catch (NumberFormatException e) {
            throw new ConfigException(key + " = " + name + ": is no number of bits", e);
        }
    }

    /** BitNet's quantizer; with a schedule, one that is open to it. */
    private WeightQuantizer ternary() {
        return fixed
                ? new TernaryAbsmean()
                : new FakeQuantizer(new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity()), ScaleRule.ABSMEAN,
                        Granularity.TENSOR);
    }

    private WeightQuantizer uniform(double bits, String key) {
        FakeQuantRule rule = new FakeQuantRule(levels(bits, key), estimator());
        return settings.learnedScale()
                ? new LearnedFakeQuantizer(rule, settings.scale(), settings.granularity(), settings.learnedOffset())
                : new FakeQuantizer(rule, settings.scale(), settings.granularity());
    }

    private QuantLevels levels(double bits, String key) {
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

    private Estimator estimator() {
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
