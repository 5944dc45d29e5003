package org.setun.cli.study.qat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Ternary models that differ in the gradient of rounding alone; LSQ also learns a scale per channel, where the others take the mean magnitude. */
public enum EstimatorArm {
    /** The gradient of the rounded weight as it is. */
    IDENTITY("estimator=identity"),
    /** The same, 0 beyond the outermost levels. */
    CLIPPED("estimator=clipped"),
    /** Learned steps. */
    LSQ("estimator=lsq", "learned_scale=true", "scale=lsq", "granularity=channel"),
    /** Larger where the step leads away from the rounded value. */
    EWGS("estimator=ewgs"),
    /** A staircase of sigmoids, in both directions, that sharpens in the first half of the steps and is a staircase from then on. */
    SOFT("estimator=soft"),
    /** Larger by the distance from the rounded value, whatever the direction. */
    EWGS_ABS("estimator=ewgs_abs"),
    /** A tanh between each two levels, backward only. */
    DSQ("estimator=dsq"),
    /** Random levels; softmax backward. */
    GUMBEL("estimator=gumbel");

    private final List<String> keys;

    EstimatorArm(String... keys) {
        this.keys = List.of(keys);
    }

    /** The five of {@link ConvergenceStudy}. */
    static List<EstimatorArm> matrix() {
        return List.of(IDENTITY, CLIPPED, LSQ, EWGS, SOFT);
    }

    /** The name in tables, files and on the command line. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    @Override
    public String toString() {
        return label();
    }

    /** The arm of this label. */
    public static EstimatorArm of(String label) {
        return Arrays.stream(values()).filter(arm -> arm.label().equals(label.toLowerCase(Locale.ROOT))).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("estimator '" + label + "': must be one of " + List.of(values())));
    }

    /** What it sets in a run of {@code steps}. */
    List<String> keys(long steps) {
        List<String> all = new ArrayList<>(List.of("quantization.weights=uniform", "quantization.bits=1.58", "quantization.scale=absmean",
                "quantization.learned_scale=false", "quantization.granularity=tensor"));
        keys.forEach(key -> all.add("quantization." + key));
        if (this == SOFT) {
            all.addAll(List.of("progressive.kind=soft_to_hard", "progressive.start_temperature=0.5", "progressive.end_temperature=0.02",
                    "progressive.end_step=" + Math.max(1, steps / 2)));
        }
        return all;
    }
}
