package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.setun.kernels.MemoryWalk;

/**
 * The memory limit of one kernel, sampled between its calls: moves as many bytes as a sample of the kernel, in turn in all ways through
 * memory and later in the two best. Reading probes walk through the operands of the kernel itself, half a set away from where it is, so that a
 * cold set is as cold for them and a hot one as hot; a cold set is also compared with small pages.
 */
final class MemoryProbe {

    /** A shorter walk would time the call, not the memory. */
    static final long LEAST_BYTES = 1 << 16;

    private static final int ROUNDS_WITH_ALL = 3;
    private static final int FINALISTS = 2;

    private final class Way {
        private final MemoryWalk walk;
        private final boolean smallPages;
        private final Samples rates = new Samples();

        Way(MemoryWalk walk, boolean smallPages) {
            this.walk = walk;
            this.smallPages = smallPages;
        }

        void sample(int index, int place) {
            double seconds = 0;
            MemorySegment window = window(smallPages, index, place);
            for (int pass = 0; pass < passes; pass++) {
                seconds += machine.backend().measureWalk(walk, window);
            }
            rates.add(passes * window.byteSize() / seconds);
        }

        double median() {
            return rates.median();
        }
    }

    private final Machine machine;
    private final Work work;
    private final int calls;
    private final int passes;
    private List<Way> ways = new ArrayList<>();
    private int rounds;

    /** @param calls of the kernel in a sample */
    MemoryProbe(Machine machine, Work work, int calls) {
        this.machine = machine;
        this.work = work;
        this.calls = calls;
        passes = work.traffic().passes();
        if (!applies()) {
            return;
        }
        for (MemoryWalk walk : MemoryWalk.values()) {
            if (work.traffic().copies() || !walk.copies()) {
                ways.add(new Way(walk, false));
                if (work.copies() > 1) {
                    ways.add(new Way(walk, true));
                }
            }
        }
    }

    /** False if so little is moved that no limit can be measured. */
    boolean applies() {
        return windowBytes() >= LEAST_BYTES;
    }

    /** Moves the bytes of one sample of the kernel, in each of the ways; {@code index} is that of the kernel's next call. */
    void sample(int index) {
        for (int place = 0; place < ways.size(); place++) {
            ways.get(place).sample(index, place);
        }
        if (++rounds == ROUNDS_WITH_ALL) {
            ways = Stream.concat(best(measure()).limit(FINALISTS), best(measure().negate()).limit(1)).toList();
        }
    }

    /** Bytes per second: the best median of the ways that do as the kernel does, reading or copying. NaN if none applies. */
    double rate() {
        return best(measure()).findFirst().map(Way::median).orElse(Double.NaN);
    }

    /**
     * Bytes per second that the kernel cannot exceed. In caches reading is faster than copying: a kernel that reads more than it writes is then
     * between the two. One that works in place may write as fast as it reads.
     */
    double ceiling() {
        double best = best(way -> true).findFirst().map(Way::median).orElse(Double.NaN);
        return work.traffic().inPlace() ? 2 * best : best;
    }

    /** The best way. */
    String name() {
        return best(measure()).findFirst().map(way -> Machine.name(way.walk, way.smallPages)).orElse("");
    }

    private Predicate<Way> measure() {
        return way -> way.walk.copies() == work.traffic().copies();
    }

    private Stream<Way> best(Predicate<Way> kind) {
        return ways.stream().filter(kind).sorted(Comparator.comparingDouble(Way::median).reversed());
    }

    /** What a sample of the kernel moves in one pass; of a hot kernel one call's worth, again and again. */
    private long windowBytes() {
        return work.traffic().bytes() / passes * (work.copies() > 1 ? Math.min(calls, work.copies()) : 1);
    }

    /** A cold window is none that another way has just been through: what that left in the caches would pass for memory. */
    private MemorySegment window(boolean smallPages, int index, int place) {
        if (work.traffic().copies() || smallPages) {
            MemorySegment memory = smallPages ? machine.smallPages() : machine.hugePages();
            long bytes = Math.min(windowBytes(), memory.byteSize() / 4) / 4096 * 4096;
            long windows = memory.byteSize() / bytes;
            return memory.asSlice((work.copies() > 1 ? ((long) index / calls * ways.size() + place) % windows : 0) * bytes, bytes);
        }
        if (work.copies() == 1) {
            return work.set();
        }
        long pieces = Math.min(calls, work.copies());
        long first = (index + work.copies() / 2 + place * pieces) % work.copies();
        long start = Math.min(first, work.copies() - pieces);
        return work.set().asSlice(start * work.pieceBytes(), pieces * work.pieceBytes());
    }
}
