package org.setun.cli.bench;

import java.util.List;
import java.util.Locale;

/** How the weights of a timed step are held and how it multiplies. */
public enum StepMode {
    /** Full precision throughout. */
    FP32("none", "fp32"),
    /** Full-precision weights, products of operands rounded to bf16. */
    BF16("none", "bf16"),
    /** Ternary weights and 8-bit activations, gradients in fp32. */
    TERNARY("ternary", "fp32"),
    /** Ternary weights and 8-bit activations, other products of operands rounded to bf16. */
    TERNARY_BF16("ternary", "bf16");

    private final List<String> settings;

    StepMode(String weights, String precision) {
        settings = List.of("quantization.weights=" + weights, "training.precision=" + precision);
    }

    List<String> settings() {
        return settings;
    }

    /** As it is called on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
