package org.setun.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Life, errors and threads of the native backend; what its kernels compute is tested by conformance with the reference. */
class NativeBackendTest {

    private static final BackendOptions PLAIN = new BackendOptions(2, null, null);

    private final NativeBackend backend = NativeBackend.create(PLAIN);

    @AfterEach
    void close() {
        backend.close();
    }

    @Test
    void saysWhatItIs() {
        assertThat(backend.name()).isEqualTo("cpu");
        assertThat(backend.threads()).isEqualTo(2);
        assertThat(backend.blas()).isEqualTo("built-in");
        assertThat(NativeBackend.supports(backend.isa())).isTrue();
        assertThat(backend.toString()).contains("cpu", backend.isa().label(), "2 threads");
        assertThat(NativeBackend.buildInfo()).startsWith("setun 0.1.0 (");
        assertThat(NativeBackend.libraryFile()).endsWith("libsetun.so");
        assertThat(CpuFeature.usable()).noneMatch(CpuFeature.disabled()::contains);
    }

    @Test
    void tiersCanOnlyBeLowered() {
        try (NativeBackend low = NativeBackend.create(PLAIN.withIsa(Isa.PORTABLE))) {
            assertThat(low.isa()).isEqualTo(Isa.PORTABLE);
        }
        try (NativeBackend high = NativeBackend.create(PLAIN.withIsa(Isa.AMX))) {
            assertThat(NativeBackend.supports(high.isa())).isTrue();
        }
    }

    @Test
    void optionsAreChecked() {
        assertThatIllegalArgumentException().isThrownBy(() -> PLAIN.withThreads(-1)).withMessageContaining("threads = -1");
        assertThatIllegalArgumentException().isThrownBy(() -> PLAIN.withThreads(1025)).withMessageContaining("[0, 1024]");
        assertThatIllegalArgumentException().isThrownBy(() -> Isa.ofLabel("avx3")).withMessageContaining("avx3")
                .withMessageContaining("avx512");
    }

    @Test
    void slabsAreZeroedAlignedAndDieWithUnmap() {
        MemorySegment slab = backend.mapSlab(3 << 20);
        assertThat(slab.byteSize()).isEqualTo(3 << 20);
        assertThat(slab.address() % (2 << 20)).isZero();
        assertThat(slab.get(ValueLayout.JAVA_LONG, (3 << 20) - 8)).isZero();
        backend.fill(slab, 100, 2.5f);
        assertThat(slab.getAtIndex(ValueLayout.JAVA_FLOAT, 99)).isEqualTo(2.5f);
        assertThatIllegalArgumentException().isThrownBy(() -> backend.unmapSlab(slab.asSlice(0, 64))).withMessageContaining("not a slab");
        backend.unmapSlab(slab);
        assertThatIllegalStateException().isThrownBy(() -> slab.get(ValueLayout.JAVA_BYTE, 0));
        assertThatIllegalStateException().isThrownBy(() -> backend.fill(slab, 100, 0));
        assertThatIllegalStateException().isThrownBy(() -> backend.rmsNormForward(slab, slab, 1, 4, 0, slab, null));
        assertThatIllegalArgumentException().isThrownBy(() -> backend.unmapSlab(slab));
        assertThatIllegalArgumentException().isThrownBy(() -> backend.mapSlab(0)).withMessageContaining("bytes = 0");
    }

    @Test
    void limitsAreMeasuredPassByPassToo() {
        MemorySegment slab = backend.mapSlabOfSmallPages(1 << 20);
        backend.fill(slab, 1 << 17, 2.5f);
        for (MemoryWalk walk : MemoryWalk.values()) {
            assertThat(backend.measureWalk(walk, slab)).as("%s", walk).isBetween(0.0, 10.0);
        }
        assertThat(slab.getAtIndex(ValueLayout.JAVA_FLOAT, (1 << 18) - 1)).isEqualTo(2.5f);
        assertThatIllegalArgumentException().isThrownBy(() -> backend.measureWalk(MemoryWalk.READ_FAR, slab.asSlice(0, 64)))
                .withMessageContaining("bytes = 64");
        for (MachineLimit limit : MachineLimit.values()) {
            assertThat(backend.measure(limit, slab, 0.001)).as("%s", limit).isBetween(1e6, 1e16);
        }
        backend.unmapSlab(slab);
    }

    @Test
    void aCallCanBeRepeatedWithoutJava() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment q = arena.allocate(256, 64).fill((byte) 1);
            MemorySegment packed = arena.allocate(TernaryOps.packedBytes(4, 256), 64).fill((byte) 0xAA);
            MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
            MemorySegment sum = arena.allocateFrom(ValueLayout.JAVA_INT, 256);
            MemorySegment y = arena.allocate(16, 64);
            assertThat(backend.measureTernaryGemm(100, packed, 4, 256, one, q, one, sum, 1, y, 4)).isBetween(0.0, 10.0);
            assertThat(y.getAtIndex(ValueLayout.JAVA_FLOAT, 3)).isEqualTo(256);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> backend.measureTernaryGemm(0, packed, 4, 256, one, q, one, sum, 1, y, 4))
                    .withMessageContaining("repeats = 0");
        }
    }

    @Test
    void memoryThatTheSystemRefusesIsAnExhaustedPool() {
        assertThatThrownBy(() -> backend.mapSlab(1L << 60)).isInstanceOf(PoolExhaustedException.class)
                .hasMessageContaining("1152921504606846976");
    }

    @Test
    void failuresOfTheLibraryCarryItsMessage() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ids = arena.allocateFrom(ValueLayout.JAVA_INT, 0, 7);
            MemorySegment table = arena.allocate(4 * 5 * 2);
            MemorySegment y = arena.allocate(4 * 2 * 2);
            assertThatIllegalArgumentException().isThrownBy(() -> backend.embeddingForward(ids, 2, table, 5, 2, y))
                    .withMessageContaining("7");
        }
    }

    @Test
    void useAfterCloseThrows() {
        MemorySegment slab = backend.mapSlab(1 << 20);
        backend.close();
        backend.close();
        assertThatIllegalStateException().isThrownBy(() -> slab.get(ValueLayout.JAVA_BYTE, 0));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x = arena.allocate(64);
            assertThatIllegalStateException().isThrownBy(() -> backend.fill(x, 16, 1)).withMessageContaining("closed");
            assertThatIllegalStateException().isThrownBy(() -> backend.rmsNormForward(x, x, 1, 16, 0, x, null))
                    .withMessageContaining("closed");
        }
        assertThatIllegalStateException().isThrownBy(() -> backend.mapSlab(1)).withMessageContaining("closed");
        assertThatIllegalStateException().isThrownBy(() -> backend.unmapSlab(slab)).withMessageContaining("closed");
    }

    @Test
    void operandsOfClosedOrForeignArenasAreRefused() throws Exception {
        Arena arena = Arena.ofShared();
        MemorySegment x = arena.allocate(64);
        arena.close();
        assertThatIllegalStateException().isThrownBy(() -> backend.rmsNormForward(x, x, 1, 16, 0, x, null));
        assertThatIllegalStateException().isThrownBy(() -> backend.fill(x, 16, 0));
        try (Arena mine = Arena.ofConfined(); ExecutorService other = Executors.newSingleThreadExecutor()) {
            MemorySegment confined = mine.allocate(64);
            other.submit(() -> {
                assertThatThrownBy(() -> backend.rmsNormForward(confined, confined, 1, 16, 0, confined, null))
                        .isInstanceOf(WrongThreadException.class);
                assertThatThrownBy(() -> backend.fill(confined, 16, 0)).isInstanceOf(WrongThreadException.class);
            }).get();
        }
        assertThatIllegalArgumentException().isThrownBy(() -> backend.fill(MemorySegment.ofArray(new float[16]), 16, 0))
                .withMessageContaining("x is a heap segment");
    }

    @Test
    void closingUnderACallThrowsAndTheCallCompletes() throws Exception {
        MemorySegment slab = backend.mapSlab(1 << 20);
        CountDownLatch started = new CountDownLatch(1);
        try (ExecutorService other = Executors.newSingleThreadExecutor()) {
            Future<Double> rate = other.submit(() -> {
                started.countDown();
                return backend.measure(MachineLimit.READ, slab, 1);
            });
            started.await();
            Thread.sleep(200);
            assertThatIllegalStateException().isThrownBy(backend::close).withMessageContaining("in flight");
            assertThatIllegalStateException().isThrownBy(() -> backend.unmapSlab(slab)).withMessageContaining("in flight");
            assertThatIllegalStateException().isThrownBy(() -> backend.fill(slab, 4, 0)).withMessageContaining("one caller at a time");
            assertThat(rate.get()).isPositive();
        }
        backend.close();
    }

    @Test
    void aFreeThreadedBackendServesManyCallers() throws Exception {
        try (NativeBackend free = NativeBackend.create(PLAIN.withThreads(0)); ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> done = new ArrayList<>();
            AtomicBoolean wrong = new AtomicBoolean();
            for (int t = 0; t < 4; t++) {
                float value = t + 1;
                done.add(threads.submit(() -> {
                    try (Arena arena = Arena.ofConfined()) {
                        MemorySegment x = arena.allocate(4 * 256, 64);
                        MemorySegment w = arena.allocate(4 * 256, 64);
                        MemorySegment y = arena.allocate(4 * 256, 64);
                        free.fill(w, 256, value);
                        for (int i = 0; i < 500; i++) {
                            free.fill(x, 256, value);
                            free.rmsNormForward(x, w, 1, 256, 0, y, null);
                            wrong.compareAndSet(false, Math.abs(y.getAtIndex(ValueLayout.JAVA_FLOAT, 255) - value) > 1e-5);
                        }
                    }
                }));
            }
            for (Future<?> f : done) {
                f.get();
            }
            assertThat(wrong).isFalse();
            assertThat(free.threads()).isZero();
        }
    }

    @Test
    void poolsRunOnNativeSlabs() {
        try (MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend, 1 << 20)) {
            Buffer x = pool.allocate(4000);
            Buffer y = workspace.allocate(4000);
            backend.fill(x.segment(), 1000, 3);
            backend.axpby(2, x.segment(), 0, y.segment(), 1000);
            assertThat(y.segment().getAtIndex(ValueLayout.JAVA_FLOAT, 999)).isEqualTo(6);
            backend.close();
            assertThatIllegalStateException().isThrownBy(x::segment);
            assertThatIllegalStateException().isThrownBy(y::segment);
        }
    }

    @Test
    void callsAllocateNothingOnTheHeap() {
        var threads = (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x = arena.allocate(4 * 256, 64);
            MemorySegment q = arena.allocate(256, 64);
            MemorySegment packed = arena.allocate(TernaryOps.packedBytes(4, 256), 64);
            MemorySegment one = arena.allocate(4);
            MemorySegment two = arena.allocate(4);
            Map<String, Runnable> calls = Map.of("fill", () -> backend.fill(x, 256, 1), "axpby", () -> backend.axpby(1, x, 0, x, 256),
                    "rmsNormForward", () -> backend.rmsNormForward(x, x, 1, 256, 1e-5f, x, null), "quantizeRows",
                    () -> backend.quantizeRows(x, 1, 256, 256, q, one, two), "ternaryGemm",
                    () -> backend.ternaryGemm(packed, 4, 256, one, q, one, two, 1, null, null, x, 4, null));
            calls.forEach((name, call) -> assertThat(bytesPerCall(threads, call)).as(name).isLessThan(1));
        }
    }

    /** Interpreted code allocates; what counts is that nothing is left once the compiler is through. */
    private static double bytesPerCall(com.sun.management.ThreadMXBean threads, Runnable call) {
        double perCall = Double.MAX_VALUE;
        for (int batch = 0; batch < 50 && perCall >= 1; batch++) {
            int rounds = 20_000;
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < rounds; i++) {
                call.run();
            }
            perCall = (double) (threads.getCurrentThreadAllocatedBytes() - before) / rounds;
        }
        return perCall;
    }

    @Test
    void theFeatureSetExplainsTheTier() {
        Set<CpuFeature> features = CpuFeature.usable();
        assertThat(NativeBackend.supports(Isa.PORTABLE)).isTrue();
        assertThat(NativeBackend.supports(Isa.AVX2)).isEqualTo(features.contains(CpuFeature.AVX2));
        assertThat(NativeBackend.supports(Isa.NEON_DOT)).isEqualTo(features.contains(CpuFeature.NEON_DOT));
    }
}
