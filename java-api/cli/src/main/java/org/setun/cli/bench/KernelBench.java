package org.setun.cli.bench;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Isa;

/** The rows of {@code setun bench kernels}. */
public final class KernelBench {

    /** Beyond so many activation rows the weights are reused so often that it matters little where they come from. */
    private static final int MOST_COLD_ROWS = 16;

    /**
     * What to measure.
     *
     * @param kernels   names of kernels; all of them if empty
     * @param shapes    of the weights
     * @param rows      activation rows
     * @param threads   numbers of threads
     * @param tier      the highest kernel tier, or null for the best
     * @param coldBytes what a cold row walks through
     * @param seconds   for each row
     */
    public record Plan(List<String> kernels, List<Shape> shapes, List<Integer> rows, List<Integer> threads, @Nullable Isa tier,
            long coldBytes, double seconds) {

        public Plan {
            Kernels.named(kernels);
            Tiers.requireHere(tier);
            rows.forEach(n -> atLeastOne("n", n));
            threads.forEach(t -> atLeastOne("threads", t));
            if (coldBytes < 0 || !(seconds > 0)) {
                throw new IllegalArgumentException(
                        coldBytes < 0 ? "cold-mb must be at least 0" : "seconds = " + seconds + " must be greater than 0");
            }
        }

        private static void atLeastOne(String name, int value) {
            if (value < 1) {
                throw new IllegalArgumentException(name + " = " + value + " must be at least 1");
            }
        }
    }

    /** Told what happens as it happens. */
    public interface Listener {
        /** Before the rows of a number of threads. */
        void limits(Limits limits);

        /** A row, the {@code done}-th of {@code total}. */
        void row(Row row, int done, int total);
    }

    private record Case(Kernel kernel, Shape shape, int n, boolean cold) {
    }

    private final Plan plan;

    public KernelBench(Plan plan) {
        this.plan = plan;
    }

    /** Measures every kernel with every shape, number of activation rows and number of threads. */
    public List<Row> run(Listener listener) {
        List<Case> cases = cases();
        List<Integer> threads = plan.threads().stream().distinct().toList();
        List<Row> rows = new ArrayList<>();
        for (int t : threads) {
            try (Machine machine = new Machine(t, plan.tier())) {
                listener.limits(Limits.of(machine));
                Measurement measurement = new Measurement(machine, plan.seconds());
                for (Case c : cases) {
                    Row row = measurement.row(c.kernel, c.shape, c.n, c.cold ? plan.coldBytes() : 0);
                    rows.add(row);
                    listener.row(row, rows.size(), threads.size() * cases.size());
                }
            }
        }
        return rows;
    }

    private List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Shape shape : plan.shapes()) {
            for (Kernel kernel : Kernels.named(plan.kernels())) {
                for (int n : kernel.dependsOnRows() ? plan.rows() : List.of(1)) {
                    if (kernel.takes(n)) {
                        cases.add(new Case(kernel, shape, n, false));
                        if (n <= MOST_COLD_ROWS && plan.coldBytes() > 0) {
                            cases.add(new Case(kernel, shape, n, true));
                        }
                    }
                }
            }
        }
        return cases;
    }
}
