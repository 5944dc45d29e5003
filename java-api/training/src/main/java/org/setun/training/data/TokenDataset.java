package org.setun.training.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Windows of {@code context} tokens and the tokens that follow each of them. In training order, sample {@code s} is window {@code s mod w} of
 * epoch {@code s / w} in that epoch's own order; each epoch also shifts where windows begin. Everything follows from the seed and {@code s},
 * so a run resumes by remembering one number. In evaluation order the windows are those of the file from its start. Free-threaded but for
 * {@link #easiest}.
 */
public final class TokenDataset {

    private final TokenFile tokens;
    private final int context;
    private final long seed;
    private final long windows;
    private @Nullable WindowDifficulty difficulty;
    private double share = 1;

    /** Windows over {@code tokens}, which must hold at least {@code context + 1}. */
    public TokenDataset(TokenFile tokens, int context, long seed) {
        if (context < 1) {
            throw new IllegalArgumentException("context: " + context + ", must be at least 1");
        }
        long predicted = tokens.count() - 1;
        if (predicted < context) {
            throw new IllegalArgumentException("corpus of " + tokens.count() + " tokens is shorter than the context of " + context
                    + " plus 1: give more text or a smaller model.context");
        }
        this.tokens = tokens;
        this.context = context;
        this.seed = seed;
        windows = Math.max(1, (predicted - (context - 1)) / context);
    }

    /** Windows of an epoch. */
    public long windows() {
        return windows;
    }

    public int context() {
        return context;
    }

    /** Windows in evaluation order; the last may be partly empty. */
    public long evaluationWindows() {
        return Math.ceilDiv(tokens.count() - 1, context);
    }

    /** Fills {@code ids} and {@code targets} i32[count][context] with the samples {@code [first, first + count)} of the training order. */
    public void training(long first, int count, MemorySegment ids, MemorySegment targets) {
        if (first < 0 || count < 1) {
            throw new IllegalArgumentException("samples: " + count + " from " + first + ", must be at least 1 from 0 on");
        }
        for (int row = 0; row < count; row++) {
            long start = trainingStart(first + row);
            tokens.copy(start, context, ids, (long) row * context);
            tokens.copy(start + 1, context, targets, (long) row * context);
        }
    }

    /**
     * From now on, draws samples of the training order from the easiest windows alone.
     *
     * @param part of all windows, in (0, 1]; 1 draws from all, in the order of this dataset without this call
     */
    public void easiest(double part) {
        if (!(part > 0 && part <= 1)) {
            throw new IllegalArgumentException("share of the windows: " + part + ", must be in (0, 1]");
        }
        if (part < 1 && difficulty == null) {
            difficulty = new WindowDifficulty(tokens, context, windows);
        }
        share = part;
    }

    /** Where sample {@code sample} of the training order begins in the token file. */
    public long trainingStart(long sample) {
        long epochSeed = Permutation.mix(seed ^ Permutation.mix(sample / windows));
        long shift = Long.remainderUnsigned(Permutation.mix(epochSeed), tokens.count() - windows * context);
        long window = new Permutation(windows, epochSeed).at(sample % windows);
        return shift + (difficulty == null || share == 1 ? window : difficulty.window((long) (window * share))) * context;
    }

    /** The tokens that the windows are cut from. */
    public TokenFile tokens() {
        return tokens;
    }

    /**
     * Fills {@code ids} and {@code targets} with the evaluation windows {@code first, first + stride, ...}, {@code count} of them; what lies
     * beyond the file has id 0 and target -1, which the loss ignores.
     */
    public void evaluation(long first, long stride, int count, MemorySegment ids, MemorySegment targets) {
        if (first < 0 || stride < 1 || count < 1) {
            throw new IllegalArgumentException(
                    "windows: " + count + " from " + first + " by " + stride + ", must be at least 1 from 0 by 1");
        }
        for (int row = 0; row < count; row++) {
            long start = (first + row * stride) * context;
            long length = Math.clamp(tokens.count() - 1 - start, 0, context);
            long to = (long) row * context;
            if (length > 0) {
                tokens.copy(start, length, ids, to);
                tokens.copy(start + 1, length, targets, to);
            }
            for (long i = length; i < context; i++) {
                ids.set(ValueLayout.JAVA_INT_UNALIGNED, (to + i) * Integer.BYTES, 0);
                targets.set(ValueLayout.JAVA_INT_UNALIGNED, (to + i) * Integer.BYTES, -1);
            }
        }
    }
}
