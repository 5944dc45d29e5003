package org.setun.cli.study.qat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The models of {@link TwinStudy}: one of full precision and those that are compared with it. */
public enum TwinArm {
    /** The twin of full precision. */
    FP32("fp32", "quantization.weights=none"),
    /** BitNet b1.58: absmean ternary weights, 8-bit activations. */
    TERNARY("ternary", "quantization.weights=ternary"),
    /** The same, led by its twin of full precision while the weights become ternary in the first half of the steps. */
    DISTILLED("ternary-distilled", "quantization.weights=ternary", "distillation.enabled=true", "distillation.temperature=1",
            "distillation.alpha=0.5", "distillation.beta=0.5", "progressive.kind=mix", "progressive.shape=cosine"),
    /** Eight levels with learned steps (LSQ), 8-bit activations. */
    BITS3("3-bit", "quantization.weights=uniform", "quantization.bits=3"),
    /** Sixteen of them. */
    BITS4("4-bit", "quantization.weights=uniform", "quantization.bits=4");

    private final String label;
    private final List<String> keys;

    TwinArm(String label, String... keys) {
        this.label = label;
        this.keys = List.of(keys);
    }

    /** The name in tables, files and on the command line. */
    String label() {
        return label;
    }

    @Override
    public String toString() {
        return label;
    }

    /** The arm of this label. */
    public static TwinArm of(String label) {
        for (TwinArm arm : values()) {
            if (arm.label.equals(label.toLowerCase(Locale.ROOT))) {
                return arm;
            }
        }
        throw new IllegalArgumentException("arm '" + label + "': must be one of " + List.of(values()));
    }

    /** Whether it learns from the twin of full precision. */
    boolean hasTeacher() {
        return this == DISTILLED;
    }

    /** The step from which all weights are quantized, in a run of {@code steps}; evaluations before it are of another model. */
    long quantizedFrom(long steps) {
        return this == DISTILLED ? Math.max(1, steps / 2) : 0;
    }

    /** What this arm sets, whatever the study has set; a model of full precision has no schedule of quantization. */
    List<String> keys(long steps) {
        List<String> all = new ArrayList<>(keys);
        if (this == DISTILLED) {
            all.add("progressive.end_step=" + quantizedFrom(steps));
        }
        return all;
    }
}
