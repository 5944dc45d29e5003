package org.setun.cli.doctor;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.BiFunction;
import org.setun.kernels.Backend;

/**
 * One kernel on one small random problem: run on two backends, the results are compared.
 *
 * @param kernel    the name in the report
 * @param tolerance largest allowed difference, relative to the largest magnitude of the result; 0 asks for equal bits
 * @param run       computes the result on a backend, with operands from the arena
 */
public record SelfTest(String kernel, double tolerance, BiFunction<Backend, Arena, float[]> run) {

    /** Float kernels sum at most about 1,000 products here: 1,000 * 2^-24, with room for orders of summation. */
    static final double FLOAT = 1e-4;

    /** A kernel that promises its bits. */
    static SelfTest exact(String kernel, BiFunction<Backend, Operands, float[]> run) {
        return within(0, kernel, run);
    }

    /** A kernel with fp32 sums in an order of its own. */
    static SelfTest close(String kernel, BiFunction<Backend, Operands, float[]> run) {
        return within(FLOAT, kernel, run);
    }

    static SelfTest within(double tolerance, String kernel, BiFunction<Backend, Operands, float[]> run) {
        return new SelfTest(kernel, tolerance, (backend, arena) -> run.apply(backend, new Operands(arena)));
    }

    /**
     * What a self-test found.
     *
     * @param error the largest difference relative to the largest magnitude
     */
    public record Outcome(String kernel, String tier, boolean passed, double error) {
    }

    /** Runs the test on {@code backend} and on {@code reference}. */
    public Outcome compare(Backend backend, Backend reference) {
        try (Arena arena = Arena.ofConfined()) {
            float[] expected = run.apply(reference, arena);
            float[] actual = run.apply(backend, arena);
            double error = difference(expected, actual);
            return new Outcome(kernel, backend.isa().label(), error <= tolerance, error);
        }
    }

    /** Runs {@code tests} on {@code backend}. */
    public static List<Outcome> compareAll(List<SelfTest> tests, Backend backend, Backend reference) {
        return tests.stream().map(test -> test.compare(backend, reference)).toList();
    }

    private static double difference(float[] expected, float[] actual) {
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            double d = Math.abs((double) expected[i] - actual[i]);
            difference = Math.max(difference, Double.isNaN(d) ? Double.POSITIVE_INFINITY : d);
        }
        return difference == 0 ? 0 : difference / Math.max(largest, Double.MIN_NORMAL);
    }
}
