package org.setun.training.loss;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The steps of a reasoning in tokens: lines, and within a line what follows {@code ####} (the answer of GSM8K) or a code fence. Blank lines belong
 * to the line before them. With {@link #weights} a sum over tokens becomes the mean over steps of their means, whatever their lengths, so that a
 * short conclusion counts as much as a long calculation. Free-threaded.
 */
public final class ReasoningSteps {

    private static final byte[][] MARKS = {"####".getBytes(StandardCharsets.US_ASCII), "```".getBytes(StandardCharsets.US_ASCII)};

    private final byte[][] bytes;

    /** Of tokens that stand for these bytes, by id. */
    public ReasoningSteps(byte[][] bytes) {
        this.bytes = bytes;
    }

    /**
     * The first tokens of the steps in {@code ids}, the first of all included; tokens below 0 belong to no step and end one.
     */
    BitSet starts(int[] ids) {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        int[] offsets = new int[ids.length + 1];
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] >= 0) {
                text.writeBytes(bytes[ids[i]]);
            }
            offsets[i + 1] = text.size();
        }
        byte[] all = text.toByteArray();
        BitSet starts = new BitSet();
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] >= 0 && (i == 0 || ids[i - 1] < 0)) {
                starts.set(i);
            }
        }
        for (int at = 1; at < all.length; at++) {
            if (all[at - 1] == '\n' && all[at] != '\n') {
                starts.set(tokenAt(offsets, at));
            }
        }
        for (byte[] mark : MARKS) {
            for (int at = 0; at + mark.length <= all.length; at++) {
                if (Arrays.equals(all, at, at + mark.length, mark, 0, mark.length)) {
                    starts.set(tokenAt(offsets, at));
                    at += mark.length - 1;
                }
            }
        }
        return starts;
    }

    /** The token that holds the byte at {@code at}. */
    private static int tokenAt(int[] offsets, int at) {
        int index = Arrays.binarySearch(offsets, at);
        if (index < 0) {
            return -index - 2;
        }
        while (index + 1 < offsets.length && offsets[index + 1] == at) {
            index++; // tokens without bytes stand before it
        }
        return index;
    }

    /**
     * Weights of the tokens of one sequence: {@code 1 / (steps * length of the step)}, 0 for ids below 0. They add up to 1 unless no token counts;
     * then all are 0.
     */
    public float[] weights(int[] ids) {
        BitSet starts = starts(ids);
        int[] step = new int[ids.length];
        int[] lengths = new int[ids.length + 1];
        int steps = 0;
        for (int i = 0; i < ids.length; i++) {
            steps += starts.get(i) && ids[i] >= 0 ? 1 : 0;
            step[i] = steps;
            lengths[steps] += ids[i] >= 0 ? 1 : 0;
        }
        float[] weights = new float[ids.length];
        for (int i = 0; i < ids.length; i++) {
            weights[i] = ids[i] < 0 ? 0 : (float) (1.0 / ((double) steps * lengths[step[i]]));
        }
        return weights;
    }
}
