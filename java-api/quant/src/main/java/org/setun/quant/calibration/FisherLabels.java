package org.setun.quant.calibration;

/** Whose next tokens the gradients of the Fisher information are taken for. */
public enum FisherLabels {
    /** No gradients are computed. */
    NONE,
    /** Those of the text: the empirical Fisher information. */
    TRUE,
    /** Drawn from the model's own prediction: the Fisher information proper, by one sample per token. */
    SAMPLED
}
