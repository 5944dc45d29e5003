package org.setun.quant.export;

import java.util.List;
import java.util.Map;

/**
 * Brings the scales of ternary matrices into half precision's normal range. The matrices behind one norm are all raised by one power of two
 * that the norm's weights take back: nothing but the range changes.
 */
final class ScaleShift {

    /** Below 2^-14 half precision loses bits; 2^-13 leaves room for rounding. */
    private static final int LEAST_EXPONENT = -13;
    private static final int GREATEST_EXPONENT = 14;

    /** The matrices of a block that read the output of a norm of that block. */
    static final Map<String, List<String>> READERS = Map.of(
            "attn_norm", List.of("attn_q", "attn_k", "attn_v"),
            "attn_sub_norm", List.of("attn_output"),
            "ffn_norm", List.of("ffn_gate", "ffn_up"),
            "ffn_sub_norm", List.of("ffn_down"));

    private ScaleShift() {
    }

    /** The exponent {@code e >= 0} by which scales are multiplied with 2^e; 0 unless one is too small. */
    static int exponent(float... scales) {
        int least = Integer.MAX_VALUE;
        int greatest = Integer.MIN_VALUE;
        for (float scale : scales) {
            least = Math.min(least, Math.getExponent(scale));
            greatest = Math.max(greatest, Math.getExponent(scale));
        }
        return Math.clamp((long) LEAST_EXPONENT - least, 0, Math.max(0, GREATEST_EXPONENT - greatest));
    }

    /** The norm before a matrix, both by their names within a block. */
    static String normBefore(String matrix) {
        return READERS.entrySet().stream().filter(entry -> entry.getValue().contains(matrix)).findFirst().orElseThrow().getKey();
    }
}
