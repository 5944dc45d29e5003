package org.setun.quant.incoherence;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** What two rotations did to the outliers of a matrix. */
public record IncoherenceEffect(IncoherenceMetrics before, IncoherenceMetrics after) {

    /** The mean over several matrices, those without variance left out; empty if none is left. */
    public static Optional<IncoherenceEffect> mean(Collection<IncoherenceEffect> effects) {
        Collection<IncoherenceEffect> varied = effects.stream()
                .filter(effect -> Double.isFinite(effect.before.kurtosis()) && Double.isFinite(effect.after.kurtosis())).toList();
        return varied.isEmpty()
                ? Optional.empty()
                : Optional.of(new IncoherenceEffect(mean(varied, IncoherenceEffect::before), mean(varied, IncoherenceEffect::after)));
    }

    private interface Side {
        IncoherenceMetrics of(IncoherenceEffect effect);
    }

    private static IncoherenceMetrics mean(Collection<IncoherenceEffect> effects, Side side) {
        return new IncoherenceMetrics(mean(effects, side, IncoherenceMetrics::mu), mean(effects, side, IncoherenceMetrics::kurtosis),
                mean(effects, side, IncoherenceMetrics::maxOverRms));
    }

    private static double mean(Collection<IncoherenceEffect> effects, Side side, ToDoubleFunction<IncoherenceMetrics> metric) {
        return effects.stream().mapToDouble(effect -> metric.applyAsDouble(side.of(effect))).average().orElseThrow();
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "mu %.2f -> %.2f, kurtosis %.2f -> %.2f, max/RMS of a row %.2f -> %.2f", before.mu(), after.mu(),
                before.kurtosis(), after.kurtosis(), before.maxOverRms(), after.maxOverRms());
    }
}
