package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.setun.kernels.internal.ArenaSlabs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class MemoryPoolTest {

    private static final long KIB = 1024;

    private final ArenaSlabs slabs = new ArenaSlabs();

    @AfterEach
    void closeSlabs() {
        slabs.close();
    }

    private MemoryPool.Builder pool() {
        return MemoryPool.builder(slabs).slabBytes(64 * KIB).debug(false);
    }

    @Test
    void buffersAreAlignedSizedAndDisjoint() {
        try (MemoryPool pool = pool().build()) {
            Buffer a = pool.allocate(100);
            Buffer b = pool.allocate(1);
            Buffer nothing = pool.allocate(0);
            assertThat(a.segment().byteSize()).isEqualTo(100);
            assertThat(nothing.segment().byteSize()).isZero();
            assertThat(a.segment().address() % 64).isZero();
            assertThat(b.segment().address() % 64).isZero();
            assertThat(a.segment().asOverlappingSlice(b.segment())).isEmpty();
        }
    }

    @Test
    void requestsLargerThanASlabGetTheirOwn() {
        try (MemoryPool pool = pool().build()) {
            pool.allocate(200 * KIB);
            assertThat(pool.statistics().reserved()).isEqualTo(200 * KIB);
        }
    }

    @Test
    void useAfterFreeThrowsEvenWhenTheMemoryIsInUseAgain() {
        try (MemoryPool pool = pool().build()) {
            Buffer a = pool.allocate(64);
            long address = a.segment().address();
            pool.free(a);
            Buffer b = pool.allocate(64);
            assertThat(b.segment().address()).isEqualTo(address);
            assertThat(a.isAlive()).isFalse();
            assertThatIllegalStateException().isThrownBy(a::segment).withMessageContaining("freed");
            assertThatIllegalStateException().isThrownBy(() -> pool.free(a)).withMessageContaining("freed");
            assertThat(b.isAlive()).isTrue();
        }
    }

    @Test
    void useAfterCloseThrows() {
        MemoryPool pool = pool().build();
        Buffer a = pool.allocate(64);
        MemorySegment kept = a.segment();
        pool.close();
        pool.close();
        assertThat(a.isAlive()).isFalse();
        assertThatIllegalStateException().isThrownBy(a::segment).withMessageContaining("closed");
        assertThatIllegalStateException().isThrownBy(() -> kept.get(ValueLayout.JAVA_BYTE, 0));
        assertThatIllegalStateException().isThrownBy(() -> pool.allocate(1));
        assertThatIllegalStateException().isThrownBy(() -> pool.free(a));
    }

    @Test
    void foreignBuffersAndBadSizesAreRefused() {
        try (MemoryPool pool = pool().build(); MemoryPool other = pool().build()) {
            Buffer foreign = other.allocate(8);
            assertThatIllegalArgumentException().isThrownBy(() -> pool.free(foreign)).withMessageContaining("does not belong");
            assertThatIllegalArgumentException().isThrownBy(() -> pool.allocate(-1)).withMessageContaining("bytes = -1");
            assertThatIllegalArgumentException().isThrownBy(() -> pool.allocate(Long.MAX_VALUE)).withMessageContaining("bytes");
        }
    }

    @Test
    void theBudgetHoldsAndTheExceptionCarriesTheNumbers() {
        try (MemoryPool pool = pool().budget(100 * KIB).build()) {
            Buffer a = pool.allocate(60 * KIB);
            pool.allocate(30 * KIB);
            assertThatThrownBy(() -> pool.allocate(20 * KIB)).isInstanceOfSatisfying(PoolExhaustedException.class,
                    e -> assertThat(e.requested()).isEqualTo(20 * KIB)).hasMessageContaining("20,480").hasMessageContaining("102,400")
                    .hasMessageContaining("92,160");
            assertThat(pool.statistics().reserved()).isLessThanOrEqualTo(100 * KIB);
            pool.free(a);
            assertThat(pool.allocate(20 * KIB).isAlive()).isTrue();
        }
    }

    @Test
    void emptySlabsMakeRoomForALargerOne() {
        try (MemoryPool pool = pool().budget(128 * KIB).build()) {
            pool.free(pool.allocate(KIB));
            assertThat(pool.allocate(128 * KIB).byteSize()).isEqualTo(128 * KIB);
            assertThat(pool.statistics().slabs()).isEqualTo(1);
        }
    }

    @Test
    void statisticsCount() {
        try (MemoryPool pool = pool().build()) {
            Buffer a = pool.allocate(16 * KIB);
            Buffer b = pool.allocate(16 * KIB);
            Buffer c = pool.allocate(16 * KIB);
            pool.free(b);
            MemoryPool.Statistics now = pool.statistics();
            assertThat(now.inUse()).isEqualTo(32 * KIB);
            assertThat(now.peak()).isEqualTo(48 * KIB);
            assertThat(now.reserved()).isEqualTo(64 * KIB);
            assertThat(now.liveBlocks()).isEqualTo(2);
            assertThat(now.largestFree()).isEqualTo(16 * KIB);
            assertThat(now.fragmentation()).isEqualTo(0.5);
            pool.free(a);
            pool.free(c);
            assertThat(pool.statistics().fragmentation()).isZero();
            pool.trim();
            assertThat(pool.statistics().reserved()).isZero();
        }
    }

    @Test
    void pressureListenersFireOncePerCrossingAndMayFree() {
        try (MemoryPool pool = pool().build()) {
            List<Long> seen = new ArrayList<>();
            Buffer victim = pool.allocate(8 * KIB);
            pool.onPressure(16 * KIB, s -> seen.add(s.inUse()));
            Buffer a = pool.allocate(8 * KIB);
            pool.allocate(KIB);
            assertThat(seen).containsExactly(16 * KIB);
            pool.free(a);
            pool.onPressure(16 * KIB, s -> pool.free(victim));
            pool.allocate(8 * KIB);
            assertThat(seen).containsExactly(16 * KIB, 17 * KIB);
            assertThat(victim.isAlive()).isFalse();
        }
    }

    @Test
    void debugModePoisonsFreshAndFreedMemoryWithNaN() {
        try (MemoryPool pool = pool().debug(true).build()) {
            Buffer a = pool.allocate(1024);
            MemorySegment kept = a.segment();
            for (int i = 0; i < 256; i++) {
                assertThat(kept.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isNaN();
            }
            assertThat(kept.getAtIndex(ValueLayout.JAVA_DOUBLE, 3)).isNaN();
            kept.fill((byte) 0);
            pool.free(a);
            assertThat(kept.getAtIndex(ValueLayout.JAVA_FLOAT, 100)).isNaN();
        }
    }

    @Test
    void debugModeFindsWritesIntoFreedMemory() {
        try (MemoryPool pool = pool().debug(true).build()) {
            Buffer a = pool.allocate(1024);
            MemorySegment kept = a.segment();
            pool.free(a);
            kept.set(ValueLayout.JAVA_FLOAT, 516, 1f);
            assertThatIllegalStateException().isThrownBy(() -> pool.allocate(1024)).withMessageContaining("at byte 516");
        }
    }

    @Test
    void debugModeKnowsWhoLeaks() {
        try (MemoryPool pool = pool().debug(true).build()) {
            pool.free(pool.allocate(10));
            pool.allocate(1000);
            assertThat(pool.leaks()).singleElement().satisfies(leak -> {
                assertThat(leak.bytes()).isEqualTo(1000);
                assertThat(leak.origin()).isNotNull();
                assertThat(leak.origin().getStackTrace()).anyMatch(f -> f.getMethodName().equals("debugModeKnowsWhoLeaks"));
            });
        }
    }

    @Test
    void threadsMayShareAPool() throws Exception {
        try (MemoryPool pool = pool().build(); ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> done = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                byte id = (byte) t;
                done.add(threads.submit(() -> {
                    for (int i = 0; i < 2000; i++) {
                        Buffer b = pool.allocate(1 + i % 300);
                        b.segment().fill(id);
                        assertThat(b.segment().get(ValueLayout.JAVA_BYTE, b.byteSize() - 1)).isEqualTo(id);
                        pool.free(b);
                    }
                }));
            }
            for (Future<?> f : done) {
                f.get();
            }
            assertThat(pool.statistics().inUse()).isZero();
            assertThat(pool.statistics().fragmentation()).isZero();
        }
    }
}
