package org.setun.cli.bench;

import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.Isa;
import org.setun.kernels.NativeBackend;

/** The rows of {@code setun bench kernels}. */
public final class KernelBench {

    /** The fp32-activation path is timed at decode and at a small batch; it is not meant for prefill. */
    private static final int LARGEST_F32_N = 32;

    /** Shape of a weight matrix: m outputs, k inputs. */
    public record Shape(long m, long k) {

        private static final Pattern FORM = Pattern.compile("(\\d{1,7})x(\\d{1,7})");

        /** Parses {@code "2560x6912"}. */
        public static Shape parse(String text) {
            Matcher matcher = FORM.matcher(text);
            if (!matcher.matches()) {
                throw new IllegalArgumentException("shape '" + text + "' must look like 2560x6912 (outputs x inputs)");
            }
            return new Shape(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
        }
    }

    private final @Nullable Isa tier;
    private final double seconds;
    private final long coldBytes;
    private final Consumer<Row> rows;

    /**
     * @param tier      highest kernel tier, or null for the best
     * @param seconds   time per row
     * @param coldBytes what a cold row walks through
     * @param rows      told each row as it is measured
     */
    public KernelBench(@Nullable Isa tier, double seconds, long coldBytes, Consumer<Row> rows) {
        this.tier = tier;
        this.seconds = seconds;
        this.coldBytes = coldBytes;
        this.rows = rows;
    }

    /** Measures every shape with every number of activation rows and threads. */
    public void run(List<Shape> shapes, List<Integer> activationRows, List<Integer> threads) {
        for (int t : threads.stream().distinct().toList()) {
            try (Machine machine = new Machine(NativeBackend.create(BackendOptions.defaults().withThreads(t).withIsa(tier)))) {
                TernaryBench ternary = new TernaryBench(machine, seconds);
                for (Shape shape : shapes) {
                    for (int n : activationRows) {
                        rows.accept(ternary.gemm(shape.m(), shape.k(), n, 0));
                        if (n == 1) {
                            rows.accept(ternary.gemm(shape.m(), shape.k(), n, coldBytes));
                        }
                        if (n <= LARGEST_F32_N) {
                            rows.accept(ternary.gemmF32(shape.m(), shape.k(), n));
                        }
                    }
                    rows.accept(ternary.quantizePack(shape.m(), shape.k()));
                }
            }
        }
    }
}
