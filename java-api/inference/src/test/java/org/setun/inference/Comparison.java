package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Logits of some positions beside another engine's. */
final class Comparison {

    private Comparison() {
    }

    /** Logits [tokens][vocab] of a session that starts anew. */
    static float[] logits(InferenceSession session, int[] tokens, int vocab) {
        float[] all = new float[tokens.length * vocab];
        session.truncate(0);
        session.score(tokens,
                (first, rows, logits) -> MemorySegment.copy(logits, ValueLayout.JAVA_FLOAT, 0, all, first * vocab, rows * vocab));
        return all;
    }

    static double maxDistance(float[] a, float[] b) {
        double max = 0;
        for (int i = 0; i < a.length; i++) {
            double distance = Math.abs((double) a[i] - b[i]);
            max = distance <= max ? max : distance; // NaN stays
        }
        return max;
    }

    /** Mean over positions of KL(p || q) in nats, where {@code p} and {@code q} are the softmax of the logits. */
    static double meanDivergence(float[] p, float[] q, int vocab) {
        double sum = 0;
        for (int row = 0; row < p.length; row += vocab) {
            double normP = logSum(p, row, vocab);
            double normQ = logSum(q, row, vocab);
            for (int i = row; i < row + vocab; i++) {
                sum += Math.exp(p[i] - normP) * (p[i] - normP - (q[i] - normQ));
            }
        }
        return sum / (p.length / vocab);
    }

    private static double logSum(float[] x, int start, int count) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = start; i < start + count; i++) {
            max = Math.max(max, x[i]);
        }
        double sum = 0;
        for (int i = start; i < start + count; i++) {
            sum += Math.exp(x[i] - max);
        }
        return max + Math.log(sum);
    }
}
