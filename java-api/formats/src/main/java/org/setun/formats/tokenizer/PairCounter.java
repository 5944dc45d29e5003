package org.setun.formats.tokenizer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;
import org.setun.formats.internal.IntList;

/**
 * Counts neighbouring symbols over weighted words and keeps the counts right while pairs are merged: a merge touches only the words that
 * have the pair. The heap may hold outdated counts; they are corrected when their turn comes.
 */
final class PairCounter {

    /** A word with its number of occurrences. */
    static final class Word {
        private final int[] symbols;
        private int length;
        private final long count;

        Word(int[] symbols, long count) {
            this.symbols = symbols;
            this.length = symbols.length;
            this.count = count;
        }
    }

    /** Two neighbouring symbols and how often they occur. Most frequent first, then the smaller ids. */
    record Pair(int left, int right, long count) implements Comparable<Pair> {
        @Override
        public int compareTo(Pair other) {
            int byCount = Long.compare(other.count, count);
            int byLeft = byCount != 0 ? byCount : Integer.compare(left, other.left);
            return byLeft != 0 ? byLeft : Integer.compare(right, other.right);
        }
    }

    private static final class Entry {
        private long count;
        private final IntList words = new IntList();
    }

    private final List<Word> words;
    private final Map<Long, Entry> entries = new HashMap<>();
    private final PriorityQueue<Pair> heap = new PriorityQueue<>();

    PairCounter(List<Word> words) {
        this.words = words;
        for (int w = 0; w < words.size(); w++) {
            Word word = words.get(w);
            for (int i = 0; i + 1 < word.length; i++) {
                increase(word.symbols[i], word.symbols[i + 1], word.count, w);
            }
        }
        entries.forEach((key, entry) -> heap.add(new Pair((int) (key >> 32), key.intValue(), entry.count)));
    }

    /** The most frequent pair, or null if no word has two symbols. */
    @Nullable
    Pair best() {
        while (true) {
            Pair top = heap.poll();
            if (top == null) {
                return null;
            }
            Entry entry = entries.get(key(top.left, top.right));
            long count = entry == null ? 0 : entry.count;
            if (count == top.count) {
                return top;
            }
            if (count > 0) {
                heap.add(new Pair(top.left, top.right, count));
            }
        }
    }

    /** Replaces {@code pair} by {@code id} in every word. */
    void merge(Pair pair, int id) {
        Entry entry = entries.remove(key(pair.left, pair.right));
        if (entry == null) {
            return;
        }
        List<Long> grown = new ArrayList<>();
        for (int i = 0; i < entry.words.size(); i++) {
            merge(entry.words.get(i), pair, id, grown);
        }
        for (long key : grown.stream().distinct().toList()) {
            Entry changed = entries.get(key);
            if (changed != null) {
                heap.add(new Pair((int) (key >> 32), (int) key, changed.count));
            }
        }
    }

    /**
     * Merges in one word; does nothing when the word no longer has the pair. Each boundary between old symbols is taken off its count once:
     * the one before a hit at the hit, the one after it at the next symbol.
     */
    private void merge(int index, Pair pair, int id, List<Long> grown) {
        Word word = words.get(index);
        int[] symbols = word.symbols;
        int size = 0;
        boolean afterHit = false;
        int previous = -1; // the symbol before i, as it was
        for (int i = 0; i < word.length; i++) {
            int symbol = symbols[i];
            boolean hit = symbol == pair.left && i + 1 < word.length && symbols[i + 1] == pair.right;
            if (size > 0 && (hit || afterHit)) {
                int now = hit ? id : symbol;
                decrease(previous, symbol, word.count);
                increase(symbols[size - 1], now, word.count, index);
                grown.add(key(symbols[size - 1], now));
            }
            previous = hit ? pair.right : symbol;
            symbols[size++] = hit ? id : symbol;
            i += hit ? 1 : 0;
            afterHit = hit;
        }
        word.length = size;
    }

    private void increase(int left, int right, long by, int word) {
        Entry entry = entries.computeIfAbsent(key(left, right), _ -> new Entry());
        entry.count += by;
        if (entry.words.size() == 0 || entry.words.get(entry.words.size() - 1) != word) {
            entry.words.add(word);
        }
    }

    private void decrease(int left, int right, long by) {
        Entry entry = entries.get(key(left, right));
        if (entry != null) { // the pair that is being merged has none
            entry.count -= by;
        }
    }

    private static long key(int left, int right) {
        return (long) left << 32 | right;
    }
}
