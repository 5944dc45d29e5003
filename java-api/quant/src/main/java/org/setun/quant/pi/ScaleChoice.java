package org.setun.quant.pi;

import java.util.Locale;

/** How the scale of a block is found. */
public enum ScaleChoice {

    /** The best of 32 scales by squared error (weighted by importance where there is one); uniform grids try either sign of each. */
    SEARCH,

    /** From the largest magnitude, as pi-quant was published: it lands half a step beyond the outermost positive level of a uniform grid. */
    ABSMAX,

    /** α is the root mean square of the block. */
    SIGMA;

    /** The name that stands in the name of a format. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The choice with this {@link #word}. */
    public static ScaleChoice ofWord(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
