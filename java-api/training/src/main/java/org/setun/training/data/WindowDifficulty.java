package org.setun.training.data;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The windows of a text from the easiest to the hardest: by the mean information of their tokens under the frequencies of the whole text, so that common words
 * come first (the word rarity of arXiv 1903.09848). Two passes over the tokens; four bytes per window stay.
 */
final class WindowDifficulty {

    private static final int MOST_WINDOWS = Integer.MAX_VALUE - 8;

    private final int[] order;

    WindowDifficulty(TokenFile tokens, int context, long windows) {
        if (windows > MOST_WINDOWS) {
            throw new IllegalArgumentException("windows: " + windows + ", at most " + MOST_WINDOWS + " are ordered by difficulty:"
                    + " raise model.context or set curriculum.start_share = 1");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ids = arena.allocate(ValueLayout.JAVA_INT, context);
            long[] counts = new long[Math.toIntExact(tokens.vocabulary())];
            for (long w = 0; w < windows; w++) {
                tokens.copy(w * context, context, ids, 0);
                for (int i = 0; i < context; i++) {
                    counts[ids.getAtIndex(ValueLayout.JAVA_INT, i)]++;
                }
            }
            double[] information = new double[counts.length];
            double all = (double) windows * context;
            Arrays.setAll(information, id -> counts[id] == 0 ? 0 : StrictMath.log(all / counts[id]));
            long[] keys = new long[(int) windows]; // difficulty above, window below: one sort, ties in the order of the text
            for (int w = 0; w < keys.length; w++) {
                tokens.copy((long) w * context, context, ids, 0);
                double sum = 0;
                for (int i = 0; i < context; i++) {
                    sum += information[ids.getAtIndex(ValueLayout.JAVA_INT, i)];
                }
                keys[w] = (long) Float.floatToRawIntBits((float) (sum / context)) << Integer.SIZE | w; // not negative: its bits have its order
            }
            Arrays.sort(keys);
            order = new int[keys.length];
            Arrays.setAll(order, rank -> (int) keys[rank]);
        }
    }

    /** The window of {@code rank}, 0 the easiest. */
    int window(long rank) {
        return order[(int) rank];
    }
}
