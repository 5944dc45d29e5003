package org.setun.quant.ptq;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.incoherence.Incoherence;

/**
 * How to quantize a model.
 *
 * @param format      of the matrices of the blocks
 * @param keeps       formats of tensors by name; the first rule that matches counts
 * @param incoherence what the matrices of the blocks are multiplied with before they are rounded; null for nothing
 * @param rounding    of the matrices of the blocks; all others are rounded to nearest
 * @param imatrix     a file of {@code setun imatrix} or of another engine: how much each input channel counts; null for none
 * @param calibration a file of {@code setun calibrate} with Hessians, which GPTQ and LDLQ need; null for none
 * @param budget      most bytes of the output file: each matrix of the blocks gets a format of its own, of the same kind and at most
 *                    {@code format} in bits, so that the outputs of all matrices change least as far as the Hessians of
 *                    {@code calibration}, else its mean squares or those of {@code imatrix} tell; without either, so that the errors
 *                    of all weights have least energy; 0 for none
 * @param seed        from which incoherence draws
 */
public record QuantizeOptions(WeightFormat format, List<KeepRule> keeps, Incoherence.@Nullable Method incoherence, RoundingMethod rounding,
        @Nullable Path imatrix,
        @Nullable Path calibration, long budget, long seed) {

    public QuantizeOptions {
        keeps = List.copyOf(keeps);
        if (rounding != RoundingMethod.NEAREST && calibration == null) {
            throw new IllegalArgumentException("rounding = " + rounding + " needs the Hessians of the layers' inputs: name a file of "
                    + "setun calibrate as calibration");
        }
        if (budget < 0) {
            throw new IllegalArgumentException("budget = " + budget + " must be at least 0 (0 = none)");
        }
    }

    /** Rounding to nearest in one format. */
    public static QuantizeOptions of(WeightFormat format) {
        return new QuantizeOptions(format, List.of(), null, RoundingMethod.NEAREST, null, null, 0, Incoherence.DEFAULT_SEED);
    }

    public QuantizeOptions withFormat(WeightFormat other) {
        return new QuantizeOptions(other, keeps, incoherence, rounding, imatrix, calibration, budget, seed);
    }

    public QuantizeOptions withKeeps(List<KeepRule> rules) {
        return new QuantizeOptions(format, rules, incoherence, rounding, imatrix, calibration, budget, seed);
    }

    public QuantizeOptions withIncoherence(Incoherence.@Nullable Method method, long from) {
        return new QuantizeOptions(format, keeps, method, rounding, imatrix, calibration, budget, from);
    }

    public QuantizeOptions withRounding(RoundingMethod how, @Nullable Path hessians) {
        return new QuantizeOptions(format, keeps, incoherence, how, imatrix, hessians, budget, seed);
    }

    public QuantizeOptions withImatrix(@Nullable Path file) {
        return new QuantizeOptions(format, keeps, incoherence, rounding, file, calibration, budget, seed);
    }

    public QuantizeOptions withBudget(long bytes) {
        return new QuantizeOptions(format, keeps, incoherence, rounding, imatrix, calibration, bytes, seed);
    }

    /**
     * The options in their normal form, one {@code key = value} a line: the same text for the same bits in the output.
     *
     * @param imatrixHash     SHA-256 of that file, or nothing
     * @param calibrationHash likewise
     */
    String normalized(String imatrixHash, String calibrationHash) {
        StringBuilder text = new StringBuilder();
        line(text, "format", format.name());
        keeps.forEach(keep -> line(text, "keep", keep.toString()));
        line(text, "incoherence", incoherence == null ? "none" : incoherence.label());
        line(text, "rounding", rounding.name().toLowerCase(Locale.ROOT));
        line(text, "imatrix", imatrixHash);
        line(text, "calibration", calibrationHash);
        line(text, "budget", String.valueOf(budget));
        line(text, "seed", String.valueOf(seed));
        return text.toString();
    }

    private static void line(StringBuilder text, String key, String value) {
        text.append(key).append(" = ").append(value).append('\n');
    }
}
