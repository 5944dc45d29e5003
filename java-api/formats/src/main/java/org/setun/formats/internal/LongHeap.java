package org.setun.formats.internal;

import java.util.Arrays;

/** A binary heap of longs, smallest first. */
public final class LongHeap {

    private long[] items;
    private int size;

    /** An empty heap with room for {@code capacity} items before it grows. */
    public LongHeap(int capacity) {
        items = new long[Math.max(capacity, 4)];
    }

    /** Whether nothing is left. */
    public boolean isEmpty() {
        return size == 0;
    }

    /** Adds an item. */
    public void push(long item) {
        if (size == items.length) {
            items = Arrays.copyOf(items, 2 * size);
        }
        int at = size++;
        while (at > 0 && items[(at - 1) / 2] > item) {
            items[at] = items[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        items[at] = item;
    }

    /** Removes and returns the smallest item; the heap must not be empty. */
    public long pop() {
        long smallest = items[0];
        long last = items[--size];
        int at = 0;
        while (2 * at + 1 < size) {
            int child = 2 * at + 1;
            if (child + 1 < size && items[child + 1] < items[child]) {
                child++;
            }
            if (items[child] >= last) {
                break;
            }
            items[at] = items[child];
            at = child;
        }
        items[at] = last;
        return smallest;
    }
}
