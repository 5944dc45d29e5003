package org.setun.training.optimizer;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.setun.training.config.ConfigException;
import org.setun.training.config.LayerPattern;
import org.setun.training.config.TrainingConfig;

/** By how much the learning rate of a parameter differs from the schedule's. */
final class RateFactors {

    /** The ends of the names of learned scales and offsets. */
    private static final List<String> SCALES = List.of(".scale", ".offset");

    private final Map<LayerPattern, Double> patterns = new LinkedHashMap<>();
    private final double ofScales;
    private final Map<String, Double> adapted = new HashMap<>();

    RateFactors(TrainingConfig.Optimizer settings) {
        ofScales = settings.scaleLrFactor();
        for (String item : settings.layerLr()) {
            LayerPattern pattern = LayerPattern.parse(item).orElseThrow(() -> refused(item));
            patterns.put(pattern, factor(pattern, item));
        }
    }

    private static double factor(LayerPattern pattern, String item) {
        try {
            double factor = Double.parseDouble(pattern.value());
            if (factor >= 0 && Double.isFinite(factor)) {
                return factor;
            }
        } catch (NumberFormatException e) {
            throw refused(item);
        }
        throw refused(item);
    }

    private static ConfigException refused(String item) {
        return new ConfigException("optimizer.layer_lr = \"" + item + "\": must be PATTERN=FACTOR with a factor of at least 0, for example"
                + " \"blk.*.ffn_down.weight=0.5\"");
    }

    /** The factor of a parameter: that of the first pattern that fits its name, that of scales, and that of its sensitivity. */
    double of(String name) {
        double factor = SCALES.stream().anyMatch(name::endsWith) ? ofScales : 1;
        factor *= adapted.getOrDefault(name, 1.0);
        for (Map.Entry<LayerPattern, Double> entry : patterns.entrySet()) {
            if (entry.getKey().matches(name)) {
                return factor * entry.getValue();
            }
        }
        return factor;
    }

    /** Divides the rate of a parameter by {@code 1 + sensitivity}. */
    void adapt(String name, double sensitivity) {
        if (!(sensitivity >= 0) || Double.isInfinite(sensitivity)) {
            throw new IllegalArgumentException("sensitivity of " + name + " = " + sensitivity + ": must be a number of at least 0");
        }
        adapted.put(name, 1 / (1 + sensitivity));
    }
}
