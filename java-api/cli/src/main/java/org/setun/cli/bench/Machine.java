package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;

/** One backend, the limits measured on it, and the memory that its benchmarks walk through. */
final class Machine implements AutoCloseable {

    private static final long LARGEST_PROBE = 512L << 20;
    private static final double PROBE_SECONDS = 0.25;

    private final NativeBackend backend;
    private final double fmaRate;
    private final double dotRate;
    private final Map<Long, Double> readRates = new HashMap<>();
    private final List<MemorySegment> slabs = new ArrayList<>();

    Machine(NativeBackend backend) {
        this.backend = backend;
        MemorySegment unused = backend.mapSlab(64);
        fmaRate = backend.measure(MachineLimit.FMA_F32, unused, PROBE_SECONDS);
        dotRate = backend.measure(MachineLimit.DOT_INT8, unused, PROBE_SECONDS);
        backend.unmapSlab(unused);
    }

    NativeBackend backend() {
        return backend;
    }

    /** fp32 multiply-adds per second. */
    double fmaRate() {
        return fmaRate;
    }

    /** int8 multiply-adds per second. */
    double dotRate() {
        return dotRate;
    }

    /** Bytes per second that a pure read of a working set of this size reaches: the bound of a kernel that reads it once. */
    double readRate(long workingSet) {
        return readRates.computeIfAbsent(Math.min(workingSet, LARGEST_PROBE), bytes -> {
            MemorySegment probe = backend.mapSlab(bytes);
            backend.fill(probe, bytes / Float.BYTES, 1); // untouched pages are all one page of zeros, which lies in cache
            double rate = backend.measure(MachineLimit.READ, probe.asSlice(0, bytes), PROBE_SECONDS);
            backend.unmapSlab(probe);
            return rate;
        });
    }

    /** Memory for operands; given back by {@link #release}. */
    MemorySegment allocate(long bytes) {
        MemorySegment slab = backend.mapSlab(Math.max(1, bytes));
        slabs.add(slab);
        return slab.asSlice(0, bytes);
    }

    void release() {
        slabs.forEach(backend::unmapSlab);
        slabs.clear();
    }

    @Override
    public void close() {
        release();
        backend.close();
    }
}
