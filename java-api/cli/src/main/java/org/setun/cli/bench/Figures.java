package org.setun.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.setun.cli.bench.Figure.Unit;
import org.setun.cli.bench.Interleaved.Timed;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.HadamardFactors;
import org.setun.kernels.Isa;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.PackedLayout;

/**
 * {@code setun bench figures}: the figures that the CPU kernels are to reach, each measured beside its limit in the same span of time.
 * Comparisons with other libraries need those libraries and are another program's job.
 */
public final class Figures {

    private static final double NONE = Double.NaN;
    private static final Shape SQUARE = new Shape(2560, 2560);
    private static final Kernel PLANES = new TernaryGemm(PackedLayout.PLANES);
    private static final Kernel DENSE = new TernaryGemm(PackedLayout.DENSE);
    private static final double WEIGHTS_PER_BYTE = 4; // of the 2-bit layout
    private static final List<Shape> SHAPES = List.of(SQUARE, new Shape(6912, 2560), new Shape(2560, 6912));
    private static final List<BlockFormat> BLOCKS = List.of(BlockFormat.Q4_0, BlockFormat.Q8_0, BlockFormat.Q4_K, BlockFormat.Q6_K);
    private static final List<Long> WIDTHS = List.of(512L, 1024L, 2560L);
    private static final int TOKENS = 4096;
    private static final long HADAMARD_SET = 1 << 20; // values of one call
    private static final double COMPARED = 4; // times as long as a row: ratios and differences need more samples

    private final double seconds;
    private final long coldBytes;
    private final Consumer<String> progress;
    private final List<Figure> figures = new ArrayList<>();
    private final List<Row> rows = new ArrayList<>();
    private final List<Limits> limits = new ArrayList<>();

    /**
     * @param seconds   for each measurement
     * @param coldBytes what cold calls walk through
     * @param progress  told what is measured next
     */
    public Figures(double seconds, long coldBytes, Consumer<String> progress) {
        this.seconds = seconds;
        this.coldBytes = coldBytes;
        this.progress = progress;
    }

    /** The rows behind the figures. */
    public List<Row> rows() {
        return rows;
    }

    /** The limits of one thread, then of all. */
    public List<Limits> limits() {
        return limits;
    }

    /** Measures everything. */
    public List<Figure> measure() {
        int all = Runtime.getRuntime().availableProcessors();
        try (Machine one = new Machine(1, null)) {
            limitsOf(one);
            if (all > 1) {
                try (Machine many = new Machine(all, null)) {
                    limitsOf(many);
                    SHAPES.forEach(shape -> coldGemv(one, shape));
                    SHAPES.forEach(shape -> coldGemv(many, shape));
                    scaling(one, many);
                }
            } else {
                SHAPES.forEach(shape -> coldGemv(one, shape));
            }
            blocks(one);
            hotGemv(one);
            smallBatches(one);
            weightsToBytes(one);
            normQuantize(one);
            pi(one);
            hadamard(one);
            training(one);
            attention(one);
            javaOverhead(one);
        }
        gemm(Isa.AMX, 512, 0.60, 0.75);
        gemm(Isa.AMX, 32, 0.40, 0.55);
        gemm(Isa.AVX512, 512, 0.75, 0.85);
        gemm(Isa.AVX2, 512, NONE, NONE);
        return figures;
    }

    private void limitsOf(Machine machine) {
        progress.accept("limits, " + threads(machine));
        limits.add(Limits.of(machine));
    }

    private Row row(Machine machine, Kernel kernel, Shape shape, long n, long setBytes) {
        progress.accept(kernel.name() + " " + shape + ", N = " + n + ", " + (setBytes > 0 ? "cold, " : "hot, ") + threads(machine) + ", "
                + machine.backend().isa().label());
        Row row = new Measurement(machine, seconds).row(kernel, shape, n, setBytes);
        rows.add(row);
        return row;
    }

    private void coldGemv(Machine machine, Shape shape) {
        Row row = row(machine, PLANES, shape, 1, coldBytes);
        figures.add(Figure.atLeast("cold GEMV " + shape + ", " + threads(machine) + ", of read bandwidth", 0.90, NONE, row.bandwidthShare(),
                Unit.PERCENT, bandwidth(row) + format(", %.0f GMAC/s", row.gmacS())));
        Row dense = row(machine, DENSE, shape, 1, coldBytes);
        figures.add(Figure.atLeast("the same in the dense layout, as if of 2 bits a weight", NONE, 1.15 * 0.90,
                dense.gmacS() / WEIGHTS_PER_BYTE / dense.bandwidthGbS(), Unit.PERCENT,
                bandwidth(dense) + format(", %.0f GMAC/s", dense.gmacS())));
    }

    /** What they have to reach is another library's time; their share of the limits is shown. */
    private void blocks(Machine machine) {
        for (BlockFormat format : BLOCKS) {
            Row row = row(machine, new BlockGemm(format), SQUARE, 1, coldBytes);
            figures.add(Figure.atLeast(format + " cold GEMV " + SQUARE + ", " + threads(machine) + ", of read bandwidth", NONE, NONE,
                    row.bandwidthShare(), Unit.PERCENT, bandwidth(row) + format(", %.0f GMAC/s", row.gmacS())));
            Row many = row(machine, new BlockGemm(format), SQUARE, 512, 0);
            figures.add(Figure.atLeast(format + " GEMM " + SQUARE + ", N = 512, " + threads(machine) + ", of the int8 peak", NONE, NONE,
                    many.peakShare(), Unit.PERCENT, format("%.0f of %.0f GMAC/s", many.gmacS(), many.peakGmacS())));
        }
    }

    private void hotGemv(Machine machine) {
        Row row = row(machine, PLANES, SQUARE, 1, 0);
        figures.add(Figure.atLeast("hot GEMV " + SQUARE + ", 1 thread", 160, 220, row.gmacS(), Unit.GMAC_S,
                format("%.0f %% of the int8 peak of %.0f", 100 * row.peakShare(), row.peakGmacS())));
    }

    private void smallBatches(Machine machine) {
        boolean amx = machine.backend().isa() == Isa.AMX;
        smallBatch(machine, amx, "AMX", 8, 1.10, NONE);
        smallBatch(machine, amx, "AMX", 16, NONE, 1.10);
        boolean vnni = machine.backend().isa() == Isa.AVX512 || machine.backend().isa() == Isa.AVX512BF16
                || machine.backend().isa() == Isa.AVXVNNI;
        smallBatch(machine, vnni, "VNNI", 2, 1.15, NONE);
        smallBatch(machine, vnni, "VNNI", 4, 1.15, NONE);
    }

    private void smallBatch(Machine machine, boolean here, String tier, int n, double must, double aim) {
        String name = "cold N = " + n + " over N = 1, " + SQUARE + ", 1 thread, " + tier;
        if (!here) {
            figures.add(Figure.atMost(name, must, aim, NONE, Unit.TIMES, "no " + tier + " here"));
            return;
        }
        progress.accept(name);
        try (Operands operands = new Operands(machine.backend())) {
            Work single = PLANES.prepare(operands, SQUARE, 1, coldBytes);
            Work batch = PLANES.prepare(operands, SQUARE, n, coldBytes);
            double[] nanos = Interleaved.medianNanos(COMPARED * seconds, List.of(timed(single), timed(batch)));
            double bytesTime = single.traffic().bytes() / (limits.getFirst().readGbS());
            double macTime = single.multiplyAdds() / (machine.peak(MachineLimit.DOT_INT8) / 1e9);
            double allowed = Math.max(bytesTime, n * macTime) / Math.max(bytesTime, macTime);
            figures.add(Figure.atMost(name, must, aim, nanos[1] / nanos[0], Unit.TIMES,
                    format("the roofline here allows %.2f ×; %.0f and %.0f µs", allowed, nanos[0] / 1e3, nanos[1] / 1e3)));
        }
    }

    private Timed timed(Work work) {
        return new Timed(work.call(), (int) Math.clamp((32L << 20) / work.traffic().bytes(), 1, 1000));
    }

    private void gemm(Isa tier, int n, double must, double aim) {
        String name = "GEMM " + SQUARE + ", N = " + n + ", 1 thread, " + tier.label() + ", of its int8 peak";
        if (!NativeBackend.supports(tier)) {
            figures.add(Figure.notRun(name, must, aim, Unit.PERCENT, "no " + tier.label().toUpperCase(Locale.ROOT) + " here"));
            return;
        }
        try (Machine machine = new Machine(1, tier)) {
            Row row = row(machine, PLANES, SQUARE, n, 0);
            figures.add(Figure.atLeast(name, must, aim, row.peakShare(), Unit.PERCENT,
                    format("%.0f of %.0f GMAC/s", row.gmacS(), row.peakGmacS())));
        }
    }

    private void scaling(Machine one, Machine many) {
        String name = threads(many) + " over 1, GEMM " + SQUARE + ", N = 512";
        progress.accept(name);
        try (Operands first = new Operands(one.backend()); Operands second = new Operands(many.backend())) {
            Work single = PLANES.prepare(first, SQUARE, 512, 0);
            Work parallel = PLANES.prepare(second, SQUARE, 512, 0);
            double[] nanos = Interleaved.medianNanos(COMPARED * seconds, List.of(Timed.of(single), Timed.of(parallel)));
            boolean two = many.backend().threads() == 2;
            figures.add(Figure.atLeast(name, two ? 1.9 : NONE, two ? 1.97 : NONE, nanos[0] / nanos[1], Unit.TIMES,
                    format("%.0f over %.0f GMAC/s; the int8 peaks: %.2f ×", parallel.multiplyAdds() / nanos[1],
                            single.multiplyAdds() / nanos[0], many.peak(MachineLimit.DOT_INT8) / one.peak(MachineLimit.DOT_INT8))));
        }
    }

    private void weightsToBytes(Machine machine) {
        Row row = row(machine, new QuantizePack(), SQUARE, 1, coldBytes);
        figures.add(Figure.atLeast("quantize + pack " + SQUARE + ", cold, 1 thread, of reading twice", 0.70, NONE, row.bandwidthShare(),
                Unit.PERCENT, bandwidth(row)));
    }

    private void normQuantize(Machine machine) {
        Row row = row(machine, new NormQuantize(false), SQUARE, TOKENS, coldBytes);
        figures.add(Figure.atLeast("RMSNorm + int8 in one pass, " + TOKENS + "x" + SQUARE.k() + ", 1 thread, of copy bandwidth", 0.70, 0.85,
                row.bandwidthShare(), Unit.PERCENT, bandwidth(row)));
    }

    private void pi(Machine machine) {
        Row quantize = row(machine, new PiQuantize(false), SQUARE, 1, coldBytes);
        figures.add(Figure.atLeast("pi-q3 quantize, absmax, cold, 1 thread, of read bandwidth", 0.60, NONE, quantize.bandwidthShare(),
                Unit.PERCENT, bandwidth(quantize)));
        Row search = row(machine, new PiQuantize(true), SQUARE, 1, coldBytes);
        figures.add(Figure.atLeast("pi-q3 quantize, 32 steps of either sign, 1 thread, GB/s over 1 GB/s", 1, NONE, search.gbS(), Unit.TIMES,
                bandwidth(search)));
        Row dequantize = row(machine, new PiDequantize(), SQUARE, 1, coldBytes);
        figures.add(Figure.atLeast("pi-q3 dequantize, cold, 1 thread, of copy bandwidth", 0.85, NONE, dequantize.bandwidthShare(),
                Unit.PERCENT, bandwidth(dequantize)));
        for (BlockFormat format : List.of(BlockFormat.PI_Q2, BlockFormat.PI_Q3, BlockFormat.PI_TAN2, BlockFormat.PI_TAN3)) {
            Row gemv = row(machine, new BlockGemm(format), SQUARE, 1, coldBytes);
            figures.add(Figure.atLeast(format + " cold GEMV " + SQUARE + ", 1 thread, of read bandwidth", 0.85, NONE, gemv.bandwidthShare(),
                    Unit.PERCENT, bandwidth(gemv) + format(", %.0f GMAC/s", gemv.gmacS())));
        }
    }

    private void hadamard(Machine machine) {
        for (long n : List.of(256L, 1024L, 4096L, 8192L)) {
            long rows = HADAMARD_SET / n;
            Row row = row(machine, new HadamardRows(), new Shape(rows, n), 1, coldBytes);
            figures.add(Figure.atLeast("Hadamard transform of rows of " + n + ", cold, 1 thread, of copy bandwidth", 0.85, NONE,
                    row.bandwidthShare(), Unit.PERCENT, bandwidth(row)));
        }
        for (long n : List.of(2560L, 6912L, 14_336L)) {
            long power = 2 * Long.highestOneBit(n);
            progress.accept("Hadamard transforms of " + n + " and " + power);
            try (Operands operands = new Operands(machine.backend())) {
                Work product = new HadamardRows().prepare(operands, new Shape(1, n), 1, 0);
                Work plain = new HadamardRows().prepare(operands, new Shape(1, power), 1, 0);
                double[] nanos = Interleaved.medianNanos(COMPARED * seconds, List.of(timed(product), timed(plain)));
                figures.add(Figure.atLeast(
                        "Hadamard transform of " + n + " (" + HadamardFactors.of(n) + "), hot, per value, of that of " + power,
                        0.50, NONE, nanos[1] / power / (nanos[0] / n), Unit.PERCENT,
                        format("%.2f and %.2f µs", nanos[0] / 1e3, nanos[1] / 1e3)));
            }
        }
    }

    private void training(Machine machine) {
        String tier = machine.backend().isa().label();
        List<Kernel> gradients = List.of(new GradientOfInput(), new GradientOfWeights(true), new GradientOfWeights(false));
        List<String> names = List.of("dX, ternary W", "dW, int8 X", "dW, fp32 X");
        for (int i = 0; i < gradients.size(); i++) {
            for (long width : WIDTHS) {
                if (machine.backend().isa() != Isa.AMX) {
                    figures.add(Figure.notRun(gradient(names.get(i), width, Isa.AMX.label()), 0.55, 0.70, Unit.PERCENT, "no AMX here"));
                }
                Row row = row(machine, gradients.get(i), new Shape(width, width), TOKENS, 0);
                figures.add(Figure.atLeast(gradient(names.get(i), width, tier), 0.55, 0.70, row.peakShare(), Unit.PERCENT,
                        format("%.0f of %.0f GMAC/s", row.gmacS(), row.peakGmacS())));
            }
        }
    }

    private void attention(Machine machine) {
        for (int positions : List.of(512, 1024)) {
            String name = "attention forward + backward, T = " + positions + ", head 64, ";
            if (machine.backend().isa() != Isa.AMX) {
                figures.add(Figure.notRun(name + Isa.AMX.label() + ", of its bf16 peak", 0.35, 0.50, Unit.PERCENT, "no AMX here"));
            }
            Row row = row(machine, new AttentionStep(), new Shape(512, 512), positions, 0);
            figures.add(Figure.atLeast(name + machine.backend().isa().label() + ", of its bf16 peak", 0.35, 0.50, row.peakShare(),
                    Unit.PERCENT, format("%.0f of %.0f GMAC/s on visible pairs", row.gmacS(), row.peakGmacS())));
        }
    }

    private static String gradient(String name, long width, String tier) {
        return name + " " + new Shape(width, width) + ", " + TOKENS + " tokens, " + tier + ", of its bf16 peak";
    }

    private void javaOverhead(Machine machine) {
        progress.accept("what Java adds to a call");
        try (Operands operands = new Operands(machine.backend())) {
            for (JavaOverhead.Result result : new JavaOverhead(operands).measure(2 * COMPARED * seconds)) {
                figures.add(Figure.atMost(format("what Java adds to a call of %.0f µs", result.micros()), 50, 10, result.addedNanos(),
                        Unit.NANOS, "GEMV from Java less the same from a loop in C, in turn"));
            }
        }
    }

    private static String bandwidth(Row row) {
        return format("%.1f of %.1f GB/s (%s)", row.gbS(), row.bandwidthGbS(), row.bandwidthWay());
    }

    private static String threads(Machine machine) {
        int threads = machine.backend().threads();
        return threads == 1 ? "1 thread" : threads + " threads";
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
