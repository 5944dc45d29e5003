package org.setun.quant.calibration;

import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What to calibrate with and what to collect.
 *
 * @param samples      sequences per domain; domains that are absent are not used
 * @param context      most tokens per sequence, at least 2
 * @param seed         of the choice of samples and of sampled labels
 * @param fisher       labels of the Fisher information
 * @param hessians     whether to collect {@code x^T x} of every input
 * @param hessianBytes memory for Hessians; if they need more together, the text is read several times, and as many as fit are summed each time
 */
public record CalibrationConfig(Map<CalibrationDomain, Integer> samples, int context, long seed, FisherLabels fisher, boolean hessians,
        long hessianBytes) {

    /** Tokens per sequence unless asked otherwise. */
    public static final int DEFAULT_CONTEXT = 512;

    /** Memory for Hessians unless asked otherwise. */
    public static final long DEFAULT_HESSIAN_BYTES = 4L << 30;

    public CalibrationConfig {
        EnumMap<CalibrationDomain, Integer> copy = new EnumMap<>(CalibrationDomain.class);
        copy.putAll(samples);
        samples = Collections.unmodifiableMap(copy);
        samples.forEach((domain, count) -> {
            if (count < 1) {
                throw new IllegalArgumentException("samples of " + domain.label() + " = " + count + " must be at least 1");
            }
        });
        if (context < 2) {
            throw new IllegalArgumentException("context = " + context + " must be at least 2: one token is predicted from another");
        }
        if (hessianBytes < 1) {
            throw new IllegalArgumentException("hessianBytes = " + hessianBytes + " must be at least 1");
        }
    }

    /** The default samples of all five domains, empirical Fisher information, Hessians. */
    public static CalibrationConfig defaults() {
        EnumMap<CalibrationDomain, Integer> samples = new EnumMap<>(CalibrationDomain.class);
        for (CalibrationDomain domain : CalibrationDomain.values()) {
            samples.put(domain, domain.defaultSamples());
        }
        return new CalibrationConfig(samples, DEFAULT_CONTEXT, 0, FisherLabels.TRUE, true, DEFAULT_HESSIAN_BYTES);
    }

    /**
     * The same with {@code total} samples in the given domains, shared out in proportion to their defaults (largest remainders first).
     *
     * @throws IllegalArgumentException if a domain would get none
     */
    public CalibrationConfig withSamples(int total, Set<CalibrationDomain> domains) {
        long all = domains.stream().mapToLong(CalibrationDomain::defaultSamples).sum();
        if (domains.isEmpty() || total < domains.size()) {
            throw new IllegalArgumentException(
                    "samples = " + total + " must be at least 1 per domain, and there are " + domains.size() + " domains");
        }
        EnumMap<CalibrationDomain, Integer> shares = new EnumMap<>(CalibrationDomain.class);
        for (CalibrationDomain domain : domains) {
            shares.put(domain, (int) ((long) total * domain.defaultSamples() / all));
        }
        int left = total - shares.values().stream().mapToInt(Integer::intValue).sum();
        List<CalibrationDomain> byRemainder = domains.stream().sorted(Comparator
                .comparingLong((CalibrationDomain domain) -> -((long) total * domain.defaultSamples() % all)).thenComparing(d -> d))
                .toList();
        for (int i = 0; i < left; i++) {
            shares.merge(byRemainder.get(i), 1, Integer::sum);
        }
        return new CalibrationConfig(shares, context, seed, fisher, hessians, hessianBytes);
    }
}
