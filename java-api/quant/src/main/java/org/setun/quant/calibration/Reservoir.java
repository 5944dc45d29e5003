package org.setun.quant.calibration;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;

/** Draws texts from a stream without replacement, each set as probable as any other, in the memory of those it keeps (Vitter's algorithm R). */
final class Reservoir {

    private record Kept(long number, String text) {
    }

    private final int size;
    private final SplittableRandom random;
    private final List<Kept> kept = new ArrayList<>();
    private long offered;

    Reservoir(int size, long seed) {
        this.size = size;
        random = new SplittableRandom(seed);
    }

    void offer(String text) {
        long number = offered++;
        if (kept.size() < size) {
            kept.add(new Kept(number, text));
            return;
        }
        long place = random.nextLong(offered);
        if (place < size) {
            kept.set((int) place, new Kept(number, text));
        }
    }

    long offered() {
        return offered;
    }

    /** What is kept, in the order of the stream. */
    List<String> texts() {
        return kept.stream().sorted(Comparator.comparingLong(Kept::number)).map(Kept::text).toList();
    }
}
