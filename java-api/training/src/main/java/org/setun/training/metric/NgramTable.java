package org.setun.training.metric;

import java.util.Arrays;
import java.util.function.LongConsumer;

/** Counts by 64-bit key: open addressing with linear probing, at most half full. A key is never {@link #NONE}. */
final class NgramTable {

    static final long NONE = -1;
    private long[] keys;
    private int[] counts;
    private int size;

    NgramTable() {
        keys = filled(1 << 10);
        counts = new int[keys.length];
    }

    private static long[] filled(int length) {
        long[] keys = new long[length];
        Arrays.fill(keys, NONE);
        return keys;
    }

    private int slot(long key) {
        int mask = keys.length - 1;
        long hash = key * 0x9E3779B97F4A7C15L;
        int slot = (int) (hash >>> 32) & mask;
        while (keys[slot] != NONE && keys[slot] != key) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    /** Adds 1, saturating; a new key is not admitted once {@code limit} keys are held. */
    void increment(long key, int limit) {
        int slot = slot(key);
        if (keys[slot] == key) {
            counts[slot] += counts[slot] < Integer.MAX_VALUE ? 1 : 0;
            return;
        }
        if (size >= limit) {
            return;
        }
        keys[slot] = key;
        counts[slot] = 1;
        if (++size > keys.length / 2) {
            grow();
        }
    }

    private void grow() {
        long[] oldKeys = keys;
        int[] oldCounts = counts;
        keys = filled(oldKeys.length * 2);
        counts = new int[keys.length];
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldKeys[i] != NONE) {
                int slot = slot(oldKeys[i]);
                keys[slot] = oldKeys[i];
                counts[slot] = oldCounts[i];
            }
        }
    }

    /** The count of {@code key}, 0 if absent. */
    int count(long key) {
        int slot = slot(key);
        return keys[slot] == key ? counts[slot] : 0;
    }

    /** The key's place in {@code [0, capacity())}, stable once nothing is added any more, or -1. */
    int place(long key) {
        int slot = slot(key);
        return keys[slot] == key ? slot : -1;
    }

    int capacity() {
        return keys.length;
    }

    int size() {
        return size;
    }

    void forEachKey(LongConsumer action) {
        for (long key : keys) {
            if (key != NONE) {
                action.accept(key);
            }
        }
    }
}
