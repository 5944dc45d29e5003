package org.setun.cli.bench;

import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;

/** Times a kernel and its limits alternately, in one span of time, and compares median with median. */
final class Measurement {

    private static final double COLD_SAMPLE_BYTES = 32 << 20; // about a millisecond
    private static final double HOT_SAMPLE_NANOS = 20_000; // far above the resolution of the clock
    private static final int MOST_CALLS = 10_000;
    private static final int LEAST_SAMPLES = 5;
    private static final int SAMPLES_PER_PEAK = 16;
    private static final int ATTEMPTS = 3;

    private final Machine machine;
    private final double seconds;

    /** @param seconds for each row, its limits included */
    Measurement(Machine machine, double seconds) {
        this.machine = machine;
        this.seconds = seconds;
    }

    /** One row; measured again, twice at most, if it is above 100 % of a limit. */
    Row row(Kernel kernel, Shape shape, long n, long setBytes) {
        try (Operands operands = new Operands(machine.backend())) {
            Work work = kernel.prepare(operands, shape, n, setBytes);
            Row row = time(kernel, shape, n, setBytes > 0, work);
            for (int attempt = 1; attempt < ATTEMPTS && row.impossible().isPresent(); attempt++) {
                row = time(kernel, shape, n, setBytes > 0, work);
            }
            return row;
        }
    }

    private Row time(Kernel kernel, Shape shape, long n, boolean cold, Work work) {
        int calls = callsPerSample(work);
        int index = 0;
        MemoryProbe memory = new MemoryProbe(machine, work, calls);
        Samples nanos = new Samples();
        double peak = Double.NaN;
        MachineLimit limit = work.peak();
        long until = System.nanoTime() + (long) (seconds * 1e9);
        while (nanos.count() < LEAST_SAMPLES || System.nanoTime() < until) {
            if (limit != null && nanos.count() % SAMPLES_PER_PEAK == 0) {
                peak = machine.peak(limit);
            }
            long start = System.nanoTime();
            for (int i = 0; i < calls; i++) {
                work.call().accept(index++);
            }
            nanos.add((System.nanoTime() - start) / (double) calls);
            memory.sample(index);
        }
        double median = nanos.median();
        double macs = work.multiplyAdds();
        long bytes = work.traffic().bytes();
        NativeBackend backend = machine.backend();
        return new Row(kernel.name(), work.format(), shape.m(), shape.k(), kernel.dependsOnRows() ? n : 0, backend.threads(),
                backend.isa().label(), cold, work.set().byteSize() / 1e6, median / 1e3, macs / median, bytes / median, macs / bytes,
                peak / 1e9, memory.rate() / 1e9, memory.ceiling() / 1e9, memory.name(), macs == 0 ? Double.NaN : macs / median * 1e9 / peak,
                bytes / median * 1e9 / memory.rate(), work.check());
    }

    /** Warms up, too. */
    private int callsPerSample(Work work) {
        if (work.copies() > 1) {
            for (int i = 0; i < 2; i++) {
                work.call().accept(i);
            }
            return (int) Math.clamp(Math.ceil(COLD_SAMPLE_BYTES * work.traffic().passes() / work.traffic().bytes()), 1, MOST_CALLS);
        }
        long until = System.nanoTime() + (long) (seconds * 0.2e9);
        Samples nanos = new Samples();
        while (nanos.count() < LEAST_SAMPLES || System.nanoTime() < until) {
            long start = System.nanoTime();
            work.call().accept(0);
            nanos.add(System.nanoTime() - start);
        }
        return (int) Math.clamp(Math.ceil(HOT_SAMPLE_NANOS / nanos.median()), 1, MOST_CALLS);
    }
}
