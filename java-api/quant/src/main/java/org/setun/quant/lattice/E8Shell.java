package org.setun.quant.lattice;

import org.setun.kernels.E8pPoints;

/** Nearest points of the shell of {@link E8pPoints}: one bit per value, for the residual of {@link E8pCodebook}. */
final class E8Shell {

    private E8Shell() {
    }

    /** The code of the point nearest to eight values. */
    static int nearest(float[] x) {
        int first = 0;
        int second = -1;
        int smallest = 0;
        int negative = 0;
        float half = 0;
        for (int i = 0; i < E8pPoints.DIMENSION; i++) {
            float y = Math.abs(x[i]);
            half += 0.5f * y;
            negative |= x[i] < 0 ? 1 << i : 0;
            if (i > 0) {
                if (y > Math.abs(x[first])) {
                    second = first;
                    first = i;
                } else if (second < 0 || y > Math.abs(x[second])) {
                    second = i;
                }
            }
            smallest = y < Math.abs(x[smallest]) ? i : smallest;
        }
        float y0 = Math.abs(x[first]);
        float y1 = Math.abs(x[second]);
        boolean odd = (Integer.bitCount(negative) & 1) == 1;
        float best = 0;
        int code = 0;
        float score = y0 + y1 - 1;
        if (score > best) {
            best = score;
            int i = Math.min(first, second);
            int j = Math.max(first, second);
            code = E8pPoints.SHELL_PAIRS + E8pPoints.pair(i, j) * 4 + (negative >>> i & 1) + 2 * (negative >>> j & 1);
        }
        score = half - (odd ? Math.abs(x[smallest]) : 0) - 1;
        if (score > best) {
            best = score;
            code = E8pPoints.SHELL_HALVES + ((odd ? negative ^ 1 << smallest : negative) & 0x7F);
        }
        // −2e_7 is the one that has no code; the next best of its shape never beats the pair with the same first entry
        int doubled = E8pPoints.SHELL_DOUBLES + 2 * first + (negative >>> first & 1);
        if (2 * y0 - 2 > best && doubled < E8pPoints.PATTERNS) {
            code = doubled;
        }
        return code;
    }
}
