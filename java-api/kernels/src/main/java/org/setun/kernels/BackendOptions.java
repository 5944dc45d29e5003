package org.setun.kernels;

import java.util.Iterator;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * How to open a native backend.
 *
 * @param threads threads that work on a call, the caller's included: 1 to 1024. 0: free-threaded, no workers; any number of threads may
 *                call at once, each call runs on its caller's thread
 * @param isa     the highest tier to use, or null for the machine's best
 * @param blas    multiplies fp32 matrices, or null for the built-in kernel
 */
public record BackendOptions(int threads, @Nullable Isa isa, @Nullable BlasProvider blas) {

    /** Sets the default for {@link #threads}. */
    public static final String THREADS_PROPERTY = "setun.threads";

    /** Sets the default for {@link #isa}, by its label. */
    public static final String ISA_PROPERTY = "setun.isa";

    /**
     * When to use a BLAS that is on the class path: {@code auto}, unless the processor is an x86-64, where the built-in kernels were measured to be
     * faster than OpenBLAS; {@code always}; {@code none}.
     */
    public static final String BLAS_PROPERTY = "setun.blas";

    private static final int MOST_THREADS = 1024;

    public BackendOptions {
        if (threads < 0 || threads > MOST_THREADS) {
            throw new IllegalArgumentException("threads = " + threads + " must be in [0, " + MOST_THREADS + "]");
        }
    }

    /** One thread per available processor, the best tier, and a BLAS provider if {@link #BLAS_PROPERTY} says so; system properties change each. */
    public static BackendOptions defaults() {
        return new BackendOptions(defaultThreads(), defaultIsa(), defaultBlas());
    }

    public BackendOptions withThreads(int count) {
        return new BackendOptions(count, isa, blas);
    }

    public BackendOptions withIsa(@Nullable Isa highest) {
        return new BackendOptions(threads, highest, blas);
    }

    public BackendOptions withBlas(@Nullable BlasProvider provider) {
        return new BackendOptions(threads, isa, provider);
    }

    private static int defaultThreads() {
        String text = System.getProperty(THREADS_PROPERTY);
        if (text == null || text.isEmpty()) {
            return Math.min(Runtime.getRuntime().availableProcessors(), MOST_THREADS);
        }
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(THREADS_PROPERTY + " = " + text + " must be a number in [0, " + MOST_THREADS + "]", e);
        }
    }

    private static @Nullable Isa defaultIsa() {
        String label = System.getProperty(ISA_PROPERTY);
        return label == null || label.isEmpty() ? null : Isa.ofLabel(label);
    }

    private static @Nullable BlasProvider defaultBlas() {
        String choice = System.getProperty(BLAS_PROPERTY, "auto");
        return switch (choice) {
            case "none" -> null;
            case "auto" -> System.getProperty("os.arch").matches("amd64|x86_64") ? null : firstProvider();
            case "always" -> firstProvider();
            default -> throw new IllegalArgumentException(BLAS_PROPERTY + " = " + choice + " must be one of auto, always, none");
        };
    }

    private static @Nullable BlasProvider firstProvider() {
        Iterator<BlasProvider> found = ServiceLoader.load(BlasProvider.class, BackendOptions.class.getClassLoader()).iterator();
        return found.hasNext() ? found.next() : null;
    }
}
