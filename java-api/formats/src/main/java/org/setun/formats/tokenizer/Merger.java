package org.setun.formats.tokenizer;

import org.setun.formats.internal.LongHeap;

/**
 * Joins neighbouring symbols, best pair first and the leftmost of equals, until no pair can be joined: n log n for n symbols. Pairs are
 * looked up again when their turn comes, so entries of the heap that a join has outdated fall away.
 */
final class Merger {

    /** What can be joined. */
    interface Pairs {
        /** A priority from 0 (first) to 2^32 - 1, or a negative number if the symbols at these places cannot be joined. */
        long priority(int left, int right);

        /** Makes the symbol at {@code left} the join of both. */
        void join(int left, int right);
    }

    private Merger() {
    }

    /** Joins {@code count} symbols and gives the places of those that are left, in order. */
    static int[] run(int count, Pairs pairs) {
        int[] next = new int[count];
        int[] previous = new int[count];
        boolean[] gone = new boolean[count];
        LongHeap heap = new LongHeap(count);
        for (int i = 0; i < count; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
            push(heap, pairs, i, i + 1, count);
        }
        int left = count;
        while (!heap.isEmpty()) {
            long entry = heap.pop();
            int at = (int) entry & Integer.MAX_VALUE;
            int right = next[at];
            if (gone[at] || right == count || pairs.priority(at, right) != entry >>> 31) {
                continue;
            }
            pairs.join(at, right);
            gone[right] = true;
            left--;
            next[at] = next[right];
            if (next[at] < count) {
                previous[next[at]] = at;
            }
            push(heap, pairs, previous[at], at, count);
            push(heap, pairs, at, next[at], count);
        }
        int[] places = new int[left];
        for (int i = 0, place = 0; i < left; i++, place = next[place]) {
            places[i] = place;
        }
        return places;
    }

    private static void push(LongHeap heap, Pairs pairs, int left, int right, int count) {
        if (left < 0 || right >= count) {
            return;
        }
        long priority = pairs.priority(left, right);
        if (priority >= 0) {
            heap.push(priority << 31 | left);
        }
    }
}
