package org.setun.quant.calibration;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.setun.nn.Tensor;

/** The tokens that gradients are taken for. */
final class Labels {

    private Labels() {
    }

    /** The next token of each position, -1 after the last. */
    static int[] next(int[] ids) {
        int[] next = new int[ids.length];
        System.arraycopy(ids, 1, next, 0, ids.length - 1);
        next[ids.length - 1] = -1;
        return next;
    }

    /** One draw per row from the softmax of {@code logits} F32[t][vocab]. */
    static int[] sampled(Tensor logits, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        MemorySegment values = logits.segment();
        int vocab = Math.toIntExact(logits.columns());
        int[] drawn = new int[Math.toIntExact(logits.rows())];
        double[] upTo = new double[vocab];
        for (int row = 0; row < drawn.length; row++) {
            long first = (long) row * vocab;
            float largest = Float.NEGATIVE_INFINITY;
            for (int i = 0; i < vocab; i++) {
                largest = Math.max(largest, values.getAtIndex(ValueLayout.JAVA_FLOAT, first + i));
            }
            double sum = 0;
            for (int i = 0; i < vocab; i++) {
                sum += Math.exp((double) values.getAtIndex(ValueLayout.JAVA_FLOAT, first + i) - largest);
                upTo[i] = sum;
            }
            double point = random.nextDouble() * sum;
            while (drawn[row] < vocab - 1 && upTo[drawn[row]] <= point) {
                drawn[row]++;
            }
        }
        return drawn;
    }
}
