package org.setun.quant.calibration;

import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A kind of text to calibrate with. */
public enum CalibrationDomain {
    /** Word problems with worked solutions. */
    MATH(2048),
    /** Programming tasks with their solutions. */
    CODE(1024),
    /** Running text. */
    LANGUAGE(4096),
    /** Questions that need several steps. */
    REASONING(2048),
    /** Requests to be answered with calls of functions. */
    TOOL_USE(1024);

    private final int samples;

    CalibrationDomain(int samples) {
        this.samples = samples;
    }

    /** Samples unless asked otherwise; {@code 10240} together. */
    public int defaultSamples() {
        return samples;
    }

    /** The name on command lines and in files: {@code tool-use}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * The domain of a label.
     *
     * @throws IllegalArgumentException if there is none; the message names those that there are
     */
    public static CalibrationDomain of(String label) {
        return Stream.of(values()).filter(domain -> domain.label().equals(label.toLowerCase(Locale.ROOT))).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("domain = " + label + " must be one of "
                        + Stream.of(values()).map(CalibrationDomain::label).collect(Collectors.joining(", "))));
    }
}
