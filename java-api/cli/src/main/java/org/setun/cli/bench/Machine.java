package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.Isa;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.MemoryWalk;
import org.setun.kernels.NativeBackend;

/** One backend and its limits: peaks as the best rate seen so far, bandwidths as medians over windows far larger than any cache. */
final class Machine implements AutoCloseable {

    /** Read and copied by probes on both kinds of pages; many times any last-level cache. */
    private static final long PROBE_BYTES = 512L << 20;
    private static final long WINDOW_BYTES = 64L << 20;
    private static final int WINDOWS_OF_A_LIMIT = 8;
    private static final double PEAK_SECONDS = 2e-3;
    private static final double FIRST_PEAK_SECONDS = 0.3;

    private final NativeBackend backend;
    private final Map<MachineLimit, Double> peaks = new EnumMap<>(MachineLimit.class);
    private @Nullable MemorySegment hugePages;
    private @Nullable MemorySegment smallPages;

    /** @param tier the highest kernel tier, or null for the best */
    Machine(int threads, @Nullable Isa tier) {
        backend = NativeBackend.create(BackendOptions.defaults().withThreads(threads).withIsa(tier));
    }

    NativeBackend backend() {
        return backend;
    }

    /** Multiply-adds per second: the best rate that any probe of this run has seen. Each call probes anew, for about two milliseconds. */
    double peak(MachineLimit limit) {
        double seconds = peaks.containsKey(limit) ? PEAK_SECONDS : FIRST_PEAK_SECONDS;
        return peaks.merge(limit, backend.measure(limit, MemorySegment.NULL, seconds), Math::max);
    }

    /** Probe memory on huge pages, where the system grants them. */
    MemorySegment hugePages() {
        if (hugePages == null) {
            hugePages = touched(backend.mapSlab(PROBE_BYTES));
        }
        return hugePages;
    }

    /** Probe memory on the system's small pages. */
    MemorySegment smallPages() {
        if (smallPages == null) {
            smallPages = touched(backend.mapSlabOfSmallPages(PROBE_BYTES));
        }
        return smallPages;
    }

    /** The median rate of each way through memory, in bytes per second (copies: read and written), by names such as "read_near, 4 KiB". */
    Map<String, Double> bandwidths() {
        Map<String, Samples> samples = new LinkedHashMap<>();
        for (int window = 0; window < WINDOWS_OF_A_LIMIT; window++) {
            for (boolean small : new boolean[]{false, true}) {
                for (MemoryWalk walk : MemoryWalk.values()) {
                    MemorySegment piece = (small ? smallPages() : hugePages())
                            .asSlice((window + walk.code()) % (PROBE_BYTES / WINDOW_BYTES) * WINDOW_BYTES, WINDOW_BYTES);
                    samples.computeIfAbsent(name(walk, small), name -> new Samples()).add(WINDOW_BYTES / backend.measureWalk(walk, piece));
                }
            }
        }
        Map<String, Double> rates = new LinkedHashMap<>();
        samples.forEach((name, seen) -> rates.put(name, seen.median()));
        return rates;
    }

    static String name(MemoryWalk walk, boolean smallPages) {
        return walk.name().toLowerCase(Locale.ROOT) + (smallPages ? ", small pages" : "");
    }

    /** Untouched pages are all one page of zeros, which lies in cache. */
    private MemorySegment touched(MemorySegment slab) {
        backend.fill(slab, slab.byteSize() / Float.BYTES, 1);
        return slab;
    }

    @Override
    public void close() {
        backend.close(); // its slabs go with it
    }
}
