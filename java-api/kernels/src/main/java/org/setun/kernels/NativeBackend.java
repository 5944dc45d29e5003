package org.setun.kernels;

import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.internal.Checks;
import org.setun.kernels.internal.NativeBindings;
import org.setun.kernels.internal.NativeContext;
import org.setun.kernels.internal.NativeCpu;

/**
 * The C kernels on this machine's CPU. A call copies its arguments into a struct that each thread keeps: it allocates nothing on the heap.
 *
 * <p>Threads: with workers ({@code threads >= 1}) one caller at a time, and a second one gets an {@link IllegalStateException}; with
 * {@code threads == 0} any number. Call from platform threads: a virtual thread stays on its carrier for the whole of a native call.
 *
 * <p>{@link #close()} while a call is in flight, and every call after it, is an {@link IllegalStateException}; slabs die with the backend.
 * Operands in memory of one's own must stay open while a call runs.
 */
public final class NativeBackend extends NativeOperations {

    private static final System.Logger LOG = System.getLogger("org.setun.kernels");

    private final NativeContext context;
    private final Isa isa;
    private final int threads;
    private final String blas;

    private NativeBackend(NativeContext context, BackendOptions options) {
        super(context);
        this.context = context;
        isa = Isa.ofCode(context.isa());
        threads = context.threads();
        blas = useBlas(options.blas());
    }

    /** A backend with {@link BackendOptions#defaults()}. */
    public static NativeBackend create() {
        return create(BackendOptions.defaults());
    }

    /**
     * Opens the native library and starts the workers.
     *
     * @throws NativeLibraryException if the library cannot be loaded
     */
    public static NativeBackend create(BackendOptions options) {
        NativeBindings.load();
        Isa highest = options.isa();
        NativeContext context = new NativeContext(options.threads(), highest == null ? -1 : highest.code());
        try {
            return new NativeBackend(context, options);
        } catch (RuntimeException e) {
            context.close();
            throw e;
        }
    }

    /** Version, compiler and build type of the library, such as {@code setun 0.1.0 (gcc 12.2.0, release)}. */
    public static String buildInfo() {
        NativeBindings.load();
        return NativeContext.buildInfo();
    }

    /** The file that the library was loaded from. */
    public static String libraryFile() {
        return NativeBindings.load().toString();
    }

    /** True if this machine can run the tier. */
    public static boolean supports(Isa isa) {
        NativeBindings.load();
        return NativeCpu.supports(isa.code());
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public Isa isa() {
        return isa;
    }

    @Override
    public int threads() {
        return threads;
    }

    @Override
    public String blas() {
        return blas;
    }

    /**
     * Measures a limit of the machine on all threads of this backend, for about {@code seconds}.
     *
     * @param buffer read or copied by {@link MachineLimit#READ} and {@link MachineLimit#COPY}; any size for the others
     * @return units per second, see {@link MachineLimit}
     */
    public double measure(MachineLimit limit, MemorySegment buffer, double seconds) {
        if (!(seconds > 0)) {
            throw new IllegalArgumentException("seconds = " + seconds + " must be > 0");
        }
        return context.measure(limit.code(), buffer, seconds);
    }

    /**
     * Goes once through {@code buffer}, at least 8192 bytes, on all threads of this backend. With it a limit and a kernel can be measured
     * alternately.
     *
     * @return seconds
     */
    public double measureWalk(MemoryWalk walk, MemorySegment buffer) {
        return context.measureWalk(walk.code(), buffer);
    }

    /**
     * What {@link #ternaryGemm} costs without Java: calls it {@code repeats} times with one set of arguments from a loop in C.
     *
     * @return seconds of all calls
     */
    public double measureTernaryGemm(long repeats, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step, MemorySegment sum, long n, MemorySegment y, long ldy) {
        return ternary().measureTernaryGemm(repeats, packed, m, k, gamma, q, step, sum, n, y, ldy);
    }

    /** {@link #mapSlab} on the small pages of the system: to measure what huge ones bring. */
    public MemorySegment mapSlabOfSmallPages(long bytes) {
        Checks.mapSlab(bytes);
        return context.mapSlabOfSmallPages(bytes);
    }

    @Override
    public MemorySegment mapSlab(long bytes) {
        Checks.mapSlab(bytes);
        return context.mapSlab(bytes);
    }

    @Override
    public void unmapSlab(MemorySegment slab) {
        context.unmapSlab(slab);
    }

    @Override
    public void close() {
        context.close();
    }

    @Override
    public String toString() {
        return "cpu (" + isa.label() + ", " + (threads == 0 ? "free-threaded" : threads + " threads") + ", fp32 by " + blas + ")";
    }

    private String useBlas(@Nullable BlasProvider provider) {
        if (provider == null) {
            return "built-in";
        }
        try {
            context.setSgemm(provider.sgemm());
            return provider.name();
        } catch (UnsatisfiedLinkError e) {
            LOG.log(Level.WARNING, "fp32 products use the built-in kernel: {0} cannot be loaded: {1}", provider.name(), e.getMessage());
            return "built-in";
        }
    }
}
