package org.setun.formats.tokenizer;

import java.util.Arrays;
import java.util.List;

/** The merges of a byte-level BPE: which pairs of ids join, in which order of precedence, to which id. */
final class MergeTable {

    private static final long EMPTY = -1;

    private final List<String> merges;
    private final int[] results;
    private final long[] keys;
    private final int[] ranks;

    /**
     * @param merges pairs of texts with a space between, best first
     * @throws IllegalArgumentException if one is not a pair of tokens that join to a token
     */
    MergeTable(List<String> merges, Vocabulary vocabulary) {
        this.merges = List.copyOf(merges);
        int capacity = Integer.highestOneBit(Math.max(4, merges.size())) * 4;
        results = new int[merges.size()];
        keys = new long[capacity];
        ranks = new int[capacity];
        Arrays.fill(keys, EMPTY);
        for (int rank = 0; rank < merges.size(); rank++) {
            String merge = merges.get(rank);
            int space = merge.indexOf(' ', 1);
            int left = space < 0 ? Markers.NONE : vocabulary.id(merge.substring(0, space));
            int right = space < 0 ? Markers.NONE : vocabulary.id(merge.substring(space + 1));
            results[rank] = space < 0 ? Markers.NONE : vocabulary.id(merge.substring(0, space) + merge.substring(space + 1));
            if (left == Markers.NONE || right == Markers.NONE || results[rank] == Markers.NONE) {
                throw new IllegalArgumentException("merge " + rank + " = '" + merge + "' is not a pair of tokens that join to a token");
            }
            put(key(left, right), rank);
        }
    }

    /** The merges as given. */
    List<String> merges() {
        return merges;
    }

    /** The precedence of a pair, 0 first; -1 if it does not join. */
    int rank(int left, int right) {
        int slot = slot(key(left, right));
        return keys[slot] == EMPTY ? -1 : ranks[slot];
    }

    /** The id that the pair of {@code rank} becomes. */
    int result(int rank) {
        return results[rank];
    }

    private void put(long key, int rank) {
        int slot = slot(key);
        if (keys[slot] == EMPTY) { // of two merges of one pair the first counts
            keys[slot] = key;
            ranks[slot] = rank;
        }
    }

    private int slot(long key) {
        int slot = (int) (key * 0x9E3779B97F4A7C15L >>> 32) & keys.length - 1;
        while (keys[slot] != EMPTY && keys[slot] != key) {
            slot = slot + 1 & keys.length - 1;
        }
        return slot;
    }

    private static long key(int left, int right) {
        return (long) left << 32 | right;
    }
}
