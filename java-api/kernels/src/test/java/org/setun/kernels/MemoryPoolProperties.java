package org.setun.kernels;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.setun.kernels.internal.ArenaSlabs;

import static org.assertj.core.api.Assertions.assertThat;

/** Random allocations and frees against a model: live ranges are disjoint, keep their contents, and freeing all leaves no fragments. */
class MemoryPoolProperties {

    private static final long SLAB = 64 * 1024;

    private record Live(Buffer buffer, byte tag) {
    }

    /** Positive: allocate that many bytes. Negative: free the live buffer of that rank. */
    @Provide
    Arbitrary<List<Integer>> actions() {
        Arbitrary<Integer> small = Arbitraries.integers().between(0, 3000);
        Arbitrary<Integer> large = Arbitraries.integers().between(3000, 100_000);
        Arbitrary<Integer> free = Arbitraries.integers().between(-1000, -1);
        return Arbitraries.frequencyOf(net.jqwik.api.Tuple.of(5, small), net.jqwik.api.Tuple.of(1, large), net.jqwik.api.Tuple.of(5, free))
                .list().ofMaxSize(200);
    }

    @Property(tries = 150)
    void behavesLikeTheModel(@ForAll("actions") List<Integer> actions) {
        try (ArenaSlabs slabs = new ArenaSlabs(); MemoryPool pool = MemoryPool.builder(slabs).slabBytes(SLAB).debug(true).build()) {
            TreeMap<Long, Live> model = new TreeMap<>(); // by address
            long inUse = 0;
            byte tag = 0;
            for (int action : actions) {
                if (action >= 0) {
                    Buffer b = pool.allocate(action);
                    long start = b.segment().address();
                    long size = rounded(action);
                    Map.Entry<Long, Live> below = model.floorEntry(start);
                    Map.Entry<Long, Live> above = model.ceilingEntry(start);
                    assertThat(below == null || below.getKey() + rounded(below.getValue().buffer.byteSize()) <= start).isTrue();
                    assertThat(above == null || start + size <= above.getKey()).isTrue();
                    b.segment().fill(++tag);
                    model.put(start, new Live(b, tag));
                    inUse += size;
                } else if (!model.isEmpty()) {
                    long key = model.keySet().stream().skip(-action % model.size()).findFirst().orElseThrow();
                    Live gone = model.remove(key);
                    assertThat(tagsOf(gone)).isTrue();
                    pool.free(gone.buffer);
                    inUse -= rounded(gone.buffer.byteSize());
                }
                assertThat(pool.statistics().inUse()).isEqualTo(inUse);
                assertThat(pool.statistics().liveBlocks()).isEqualTo(model.size());
            }
            model.values().forEach(live -> assertThat(tagsOf(live)).isTrue());
            model.values().forEach(live -> pool.free(live.buffer));
            pool.trim();
            assertThat(pool.statistics().reserved()).as("every slab became one free block again").isZero();
        }
    }

    private static long rounded(long bytes) {
        return Math.max(64, (bytes + 63) / 64 * 64);
    }

    private static boolean tagsOf(Live live) {
        long n = live.buffer.byteSize();
        return n == 0 || live.buffer.segment().get(ValueLayout.JAVA_BYTE, 0) == live.tag
                && live.buffer.segment().get(ValueLayout.JAVA_BYTE, n - 1) == live.tag;
    }
}
