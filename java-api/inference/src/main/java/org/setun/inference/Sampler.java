package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Draws tokens from logits as a {@link Sampling} says. Holds the random state and scratch for one vocabulary; a draw allocates nothing. For
 * one thread.
 */
public final class Sampler {

    private final Sampling sampling;
    private final int vocab;
    private final SplittableRandom random;
    private final float[] weights;
    /** Candidates as (weight bits, inverted id): descending order of these longs is descending weight, then rising id. */
    private final long[] candidates;

    public Sampler(Sampling sampling, int vocab) {
        if (vocab <= 0) {
            throw new IllegalArgumentException("vocab = " + vocab + " must be positive");
        }
        this.sampling = sampling;
        this.vocab = vocab;
        this.random = new SplittableRandom(sampling.seed());
        this.weights = new float[sampling.isGreedy() ? 0 : vocab];
        this.candidates = new long[sampling.isGreedy() ? 0 : vocab];
    }

    /**
     * The next token for {@code logits} f32[vocab].
     *
     * @throws ArithmeticException if the logits hold NaN or +Inf, or nothing but -Inf: the model or its input is broken
     */
    public int next(MemorySegment logits) {
        if (logits.byteSize() < 4L * vocab) {
            throw new IllegalArgumentException("logits hold " + logits.byteSize() + " bytes, vocab = " + vocab + " needs " + 4L * vocab);
        }
        int best = argmax(logits, vocab);
        return sampling.isGreedy() ? best : draw(logits, logits.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, best));
    }

    /** The index of the greatest of the first {@code n} floats, the lowest among equals; NaN and +Inf are refused as in {@link #next}. */
    static int argmax(MemorySegment logits, int n) {
        int best = -1;
        float max = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            float value = logits.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
            if (value > max) {
                max = value;
                best = i;
            } else if (value != value) {
                throw new ArithmeticException("logit " + i + " is NaN: the model's weights or its input are broken");
            }
        }
        if (best < 0 || max == Float.POSITIVE_INFINITY) {
            throw new ArithmeticException("the greatest logit is " + max + ": the model's weights or its input are broken");
        }
        return best;
    }

    private int draw(MemorySegment logits, float max) {
        for (int i = 0; i < vocab; i++) {
            float logit = logits.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
            weights[i] = (float) Math.exp((logit - max) / sampling.temperature());
        }
        if (sampling.topK() == 0 && sampling.topP() == 1) {
            return drawFromAll();
        }
        int count = sampling.topK() > 0 && sampling.topK() < vocab ? keepTop(sampling.topK()) : keepAll();
        return drawFromNucleus(count);
    }

    private int drawFromAll() {
        double total = 0;
        for (float weight : weights) {
            total += weight;
        }
        double left = random.nextDouble() * total;
        int last = 0;
        for (int i = 0; i < vocab; i++) {
            if (weights[i] > 0) {
                last = i;
                left -= weights[i];
                if (left < 0) {
                    return i;
                }
            }
        }
        return last;
    }

    /** Sorts every token that has weight to the front of {@link #candidates}. */
    private int keepAll() {
        int count = 0;
        for (int i = 0; i < vocab; i++) {
            if (weights[i] > 0) {
                candidates[count++] = key(i);
            }
        }
        sortDescending(count);
        return count;
    }

    /** The {@code k} heaviest tokens, through a heap of {@code k} whose root is the lightest. */
    private int keepTop(int k) {
        for (int i = 0; i < k; i++) {
            candidates[i] = key(i);
        }
        for (int i = k / 2 - 1; i >= 0; i--) {
            siftDown(i, k);
        }
        for (int i = k; i < vocab; i++) {
            long key = key(i);
            if (key > candidates[0]) {
                candidates[0] = key;
                siftDown(0, k);
            }
        }
        sortDescending(k);
        return k;
    }

    private void siftDown(int start, int size) {
        int parent = start;
        while (true) {
            int least = parent;
            for (int child = 2 * parent + 1; child <= 2 * parent + 2 && child < size; child++) {
                if (candidates[child] < candidates[least]) {
                    least = child;
                }
            }
            if (least == parent) {
                return;
            }
            long swapped = candidates[parent];
            candidates[parent] = candidates[least];
            candidates[least] = swapped;
            parent = least;
        }
    }

    private int drawFromNucleus(int count) {
        double total = 0;
        for (int i = 0; i < count; i++) {
            total += weights[id(candidates[i])];
        }
        int size = 0;
        double kept = 0;
        while (size < count && (size == 0 || kept < sampling.topP() * total)) {
            kept += weights[id(candidates[size++])];
        }
        double left = random.nextDouble() * kept;
        for (int i = 0; i < size; i++) {
            left -= weights[id(candidates[i])];
            if (left < 0) {
                return id(candidates[i]);
            }
        }
        return id(candidates[size - 1]);
    }

    private long key(int id) {
        return ((long) Float.floatToRawIntBits(weights[id]) << 32) | (Integer.MAX_VALUE - id);
    }

    private static int id(long key) {
        return Integer.MAX_VALUE - (int) key;
    }

    private void sortDescending(int count) {
        Arrays.sort(candidates, 0, count);
        for (int i = 0, j = count - 1; i < j; i++, j--) {
            long swapped = candidates[i];
            candidates[i] = candidates[j];
            candidates[j] = swapped;
        }
    }
}
