package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.setun.kernels.internal.ArenaSlabs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

class WorkspaceTest {

    @Test
    void releasedBuffersDieAndEarlierOnesLive() {
        try (ArenaSlabs slabs = new ArenaSlabs(); Workspace workspace = new Workspace(slabs, 4096)) {
            Buffer a = workspace.allocate(100);
            long mark = workspace.mark();
            Buffer b = workspace.allocate(100);
            long address = b.segment().address();
            workspace.release(mark);
            assertThat(a.isAlive()).isTrue();
            assertThat(b.isAlive()).isFalse();
            assertThatIllegalStateException().isThrownBy(b::segment).withMessageContaining("released");
            Buffer c = workspace.allocate(100);
            assertThat(c.segment().address()).isEqualTo(address).matches(x -> x % 64 == 0);
            assertThat(b.isAlive()).as("still dead when its slot is used again").isFalse();
        }
    }

    @Test
    void staleMarksAreRefused() {
        try (ArenaSlabs slabs = new ArenaSlabs(); Workspace workspace = new Workspace(slabs, 4096)) {
            long outer = workspace.mark();
            workspace.allocate(1);
            long inner = workspace.mark();
            workspace.release(outer);
            workspace.allocate(1);
            assertThatIllegalStateException().isThrownBy(() -> workspace.release(inner)).withMessageContaining("mark");
            assertThatIllegalArgumentException().isThrownBy(() -> workspace.allocate(-5)).withMessageContaining("-5");
        }
    }

    @Test
    void trimmingGivesBackWhatNothingLivesIn() {
        try (ArenaSlabs slabs = new ArenaSlabs();
                MemoryPool pool = new MemoryPool(slabs);
                Workspace workspace = new Workspace(pool, 4096)) {
            Buffer first = workspace.allocate(4000);
            long mark = workspace.mark();
            workspace.allocate(4000);
            workspace.allocate(9000);
            workspace.release(mark);
            workspace.trim();
            assertThat(workspace.statistics().chunks()).isEqualTo(1);
            assertThat(workspace.statistics().reserved()).isEqualTo(4096);
            assertThat(first.isAlive()).isTrue();
            workspace.allocate(4000);
            workspace.reset();
            workspace.trim();
            assertThat(workspace.statistics()).isEqualTo(new Workspace.Statistics(0, 17_088, 0, 0, 0));
            assertThat(pool.statistics().inUse()).isZero();
            assertThat(workspace.allocate(10).isAlive()).isTrue();
        }
    }

    @Test
    void aRepeatedStepTakesNoMoreMemory() {
        try (ArenaSlabs slabs = new ArenaSlabs(); Workspace workspace = new Workspace(slabs, 4096)) {
            Runnable step = () -> {
                for (int i = 1; i <= 40; i++) {
                    workspace.allocate(i * 50);
                }
                workspace.allocate(10_000);
                workspace.reset();
            };
            step.run();
            Workspace.Statistics first = workspace.statistics();
            for (int i = 0; i < 100; i++) {
                step.run();
            }
            assertThat(workspace.statistics()).isEqualTo(first);
            assertThat(first.inUse()).isZero();
            assertThat(first.peak()).isBetween(50 * 820L + 10_000, 50 * 820L + 10_000 + 41 * 64);
            assertThat(first.reserved()).isGreaterThanOrEqualTo(first.peak());
            assertThat(first.chunks()).isGreaterThan(1);
        }
    }

    @Test
    void closeEndsAllAndGivesTheChunksBack() {
        try (ArenaSlabs slabs = new ArenaSlabs(); MemoryPool pool = MemoryPool.builder(slabs).slabBytes(8192).build()) {
            Workspace workspace = new Workspace(pool, 4096);
            Buffer a = workspace.allocate(10);
            assertThat(pool.statistics().inUse()).isEqualTo(4096);
            workspace.close();
            workspace.close();
            assertThat(pool.statistics().inUse()).isZero();
            assertThatIllegalStateException().isThrownBy(a::segment);
            assertThatIllegalStateException().isThrownBy(() -> workspace.allocate(1)).withMessageContaining("closed");
        }
    }

    @Test
    void closingThePoolFirstIsHarmless() {
        try (ArenaSlabs slabs = new ArenaSlabs()) {
            MemoryPool pool = MemoryPool.builder(slabs).slabBytes(8192).debug(true).build();
            Workspace workspace = new Workspace(pool, 4096);
            Buffer a = workspace.allocate(10);
            pool.close();
            assertThat(a.isAlive()).isFalse();
            assertThatIllegalStateException().isThrownBy(a::segment);
            workspace.close();
        }
    }

    @Test
    void debugModePoisonsReleasedMemoryAcrossChunks() {
        try (ArenaSlabs slabs = new ArenaSlabs();
                MemoryPool pool = MemoryPool.builder(slabs).debug(true).build();
                Workspace workspace = new Workspace(pool, 1024)) {
            List<MemorySegment> kept = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                MemorySegment s = workspace.allocate(640).segment();
                assertThat(s.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isNaN();
                s.fill((byte) 0);
                kept.add(s);
            }
            workspace.reset();
            kept.forEach(s -> assertThat(s.getAtIndex(ValueLayout.JAVA_FLOAT, 159)).isNaN());
        }
    }
}
