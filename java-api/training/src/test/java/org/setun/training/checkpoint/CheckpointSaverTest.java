package org.setun.training.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.PoolExhaustedException;
import org.setun.training.checkpoint.CheckpointSaver.Outcome;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** What is saved is the state at the call, whatever training does to it meanwhile. */
@Timeout(60)
class CheckpointSaverTest {

    private static final int VALUES = 1000;

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);
    private final MemorySegment values = Arena.ofAuto().allocate(VALUES * 4L, 64);
    private final NamedTensor weight = new NamedTensor("w", new long[]{VALUES}, values);
    private final NamedTensor moment = new NamedTensor("w.m", new long[]{VALUES}, values);
    private final AtomicReference<CountDownLatch> gate = new AtomicReference<>();
    private volatile String fails = "";
    private volatile boolean isUnchecked;
    private CheckpointStore store;

    @TempDir
    Path folder;

    @BeforeEach
    void open() throws IOException {
        store = CheckpointStore.open(folder, 0, false, action -> {
            CountDownLatch wait = gate.get();
            if (wait != null && action.equals(CheckpointStore.MODEL_FILE)) {
                try {
                    wait.await();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
            }
            if (action.equals(fails)) {
                IOException failure = new IOException("No space left on device");
                if (isUnchecked) {
                    throw new UncheckedIOException(failure);
                }
                throw failure;
            }
        });
    }

    @AfterEach
    void close() throws IOException {
        store.close();
        pool.close();
        backend.close();
    }

    private CheckpointSaver saver(MemoryPool memory) {
        return new CheckpointSaver(store, List.of(weight), List.of(moment), memory);
    }

    private void set(float value) {
        for (long i = 0; i < VALUES; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
    }

    private float saved(long step) throws IOException {
        NamedTensor read = new NamedTensor("w", new long[]{VALUES}, Arena.ofAuto().allocate(VALUES * 4L, 64));
        Checkpoint.open(store.pathOf(step)).loadWeights(List.of(read));
        return read.data().getAtIndex(ValueLayout.JAVA_FLOAT, VALUES - 1);
    }

    @Test
    void trainingGoesOnWhileTheStateOfTheCallIsWritten() throws Exception {
        try (CheckpointSaver saver = saver(pool)) {
            CountDownLatch first = new CountDownLatch(1);
            gate.set(first);
            set(1);
            saver.save(SaveLoop.state(1, 1), Map.of());
            set(2);
            assertThat(saver.poll()).as("still under way").isEmpty();
            first.countDown();
            List<Outcome> outcomes = saver.join();
            assertThat(outcomes).singleElement().satisfies(outcome -> {
                assertThat(outcome.failure()).isNull();
                assertThat(outcome.step()).isEqualTo(1);
                assertThat(outcome.folder()).isDirectory();
                assertThat(outcome.stallSeconds()).isPositive().isLessThan(outcome.seconds());
            });
            assertThat(saved(1)).isEqualTo(1);
            assertThat(saver.poll()).as("told once").isEmpty();
        }
    }

    @Test
    void theNextSaveWaitsForTheOneUnderWay() throws Exception {
        try (CheckpointSaver saver = saver(pool)) {
            CountDownLatch first = new CountDownLatch(1);
            gate.set(first);
            set(1);
            saver.save(SaveLoop.state(1, 1), Map.of());
            set(2);
            Thread.ofPlatform().start(() -> {
                try {
                    Thread.sleep(200);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                gate.set(null);
                first.countDown();
            });
            saver.save(SaveLoop.state(2, 1), Map.of());
            set(3);
            List<Outcome> outcomes = saver.join();
            assertThat(outcomes).extracting(Outcome::step).containsExactly(1L, 2L);
            assertThat(outcomes.getLast().stallSeconds()).as("the wait counts as a stall").isGreaterThan(0.1);
            assertThat(saved(1)).isEqualTo(1);
            assertThat(saved(2)).isEqualTo(2);
        }
    }

    @Test
    void aFailureIsToldAndTheNextSaveTriesAgain() throws Exception {
        try (CheckpointSaver saver = saver(pool)) {
            set(1);
            saver.save(SaveLoop.state(1, 1), Map.of());
            assertThat(saver.join()).singleElement().extracting(Outcome::failure).isNull();
            fails = CheckpointStore.STATE_FILE;
            saver.save(SaveLoop.state(2, 1), Map.of());
            assertThat(saver.join()).singleElement().satisfies(
                    outcome -> assertThat(outcome.failure()).isNotNull().hasMessageContaining("No space left on device"));
            assertThat(store.latest(false).orElseThrow().state().step()).isEqualTo(1);
            fails = "";
            saver.save(SaveLoop.state(3, 1), Map.of());
        }
        assertThat(store.latest(false).orElseThrow().state().step()).as("close waits").isEqualTo(3);
    }

    /** Streams of files throw unchecked what goes wrong as they are read. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aFailureWithinAStreamIsToldAsWell(boolean background) {
        isUnchecked = true;
        fails = CheckpointStore.STATE_FILE;
        try (CheckpointSaver saver = saver(background ? pool : null)) {
            saver.save(SaveLoop.state(1, 1), Map.of());
            assertThat(saver.join()).singleElement().satisfies(
                    outcome -> assertThat(outcome.failure()).isNotNull().hasMessage("No space left on device"));
        }
    }

    /** A folder that cannot be forced, or old checkpoints that cannot be removed: the new one is there all the same. */
    @ParameterizedTest
    @CsvSource({"force, false", "prune, false", "prune, true"})
    void whatFailsAfterwardsIsNoFailedSave(String action, boolean unchecked) throws Exception {
        fails = action;
        isUnchecked = unchecked;
        try (CheckpointSaver saver = saver(pool)) {
            set(5);
            saver.save(SaveLoop.state(1, 1), Map.of());
            assertThat(saver.join()).singleElement().satisfies(outcome -> {
                assertThat(outcome.failure()).isNull();
                assertThat(outcome.trouble()).isNotNull().hasMessage("No space left on device");
                assertThat(Double.isNaN(outcome.seconds())).as("not known to be on disk").isEqualTo(action.equals("force"));
            });
            assertThat(saved(1)).isEqualTo(5);
            fails = "";
            saver.save(SaveLoop.state(1, 1), Map.of());
            assertThat(saver.join()).singleElement().extracting(Outcome::trouble).isNull();
            assertThat(folder.toFile().list()).as("the one that was replaced is gone").containsExactlyInAnyOrder(".lock", "step-00000001");
        }
    }

    @Test
    void withoutMemoryForACopyTheCallWrites() throws Exception {
        try (CheckpointSaver saver = saver(null)) {
            set(4);
            saver.save(SaveLoop.state(1, 1), Map.of());
            assertThat(saved(1)).isEqualTo(4);
            assertThat(saver.poll()).singleElement().satisfies(
                    outcome -> assertThat(outcome.stallSeconds()).isGreaterThanOrEqualTo(outcome.seconds()));
        }
    }

    @Test
    void theCopyIsGivenBack() {
        long before = pool.statistics().inUse();
        saver(pool).close();
        assertThat(pool.statistics().inUse()).isEqualTo(before);
        try (MemoryPool small = MemoryPool.builder(backend).slabBytes(1 << 12).budget(1 << 12).build()) {
            assertThatThrownBy(() -> saver(small)).isInstanceOf(PoolExhaustedException.class);
            assertThat(small.statistics().inUse()).as("nothing is left of an attempt").isZero();
        }
    }
}
