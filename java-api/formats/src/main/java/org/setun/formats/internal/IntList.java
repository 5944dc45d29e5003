package org.setun.formats.internal;

import java.util.Arrays;

/** A growing list of ints. */
public final class IntList {

    private int[] items = new int[8];
    private int size;

    /** Appends one. */
    public void add(int item) {
        room(1);
        items[size++] = item;
    }

    /** Appends all. */
    public void addAll(int[] more) {
        room(more.length);
        System.arraycopy(more, 0, items, size, more.length);
        size += more.length;
    }

    /** How many there are. */
    public int size() {
        return size;
    }

    /** The item at {@code index}. */
    public int get(int index) {
        return items[index];
    }

    /** A copy as an array. */
    public int[] toArray() {
        return Arrays.copyOf(items, size);
    }

    private void room(int more) {
        if (items.length - size < more) {
            items = Arrays.copyOf(items, Math.max(Math.addExact(size, more), items.length + (items.length >> 1)));
        }
    }
}
