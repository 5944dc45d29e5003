package org.setun.kernels.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.setun.kernels.PoolExhaustedException;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * A {@code setun_context} with its slabs: calls go through its gate, failures become exceptions with the context's message, and no slab
 * is unmapped under a call.
 */
public final class NativeContext implements AutoCloseable {

    private static final Struct OPTIONS = Downcalls.struct("setun_context_options", JAVA_LONG.withName("size"),
            JAVA_INT.withName("threads"), JAVA_INT.withName("isa"));
    private static final MethodHandle BUILD_INFO = Downcalls.function("setun_build_info", FunctionDescriptor.of(ADDRESS));
    private static final MethodHandle CREATE = Downcalls.function("setun_context_create",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle DESTROY = Downcalls.operation("setun_context_destroy");
    private static final MethodHandle MESSAGE = Downcalls.function("setun_context_message", FunctionDescriptor.of(ADDRESS, ADDRESS));
    private static final MethodHandle THREADS = Downcalls.operation("setun_context_threads");
    private static final MethodHandle ISA = Downcalls.operation("setun_context_isa");
    private static final MethodHandle SET_SGEMM = Downcalls.operation("setun_context_set_sgemm", ADDRESS);
    private static final MethodHandle SLAB_MAP = Downcalls.operation("setun_slab_map", JAVA_LONG, ADDRESS);
    private static final MethodHandle SLAB_MAP_SMALL_PAGES = Downcalls.operation("setun_slab_map_small_pages", JAVA_LONG, ADDRESS);
    private static final MethodHandle SLAB_UNMAP = Downcalls.operation("setun_slab_unmap", ADDRESS, JAVA_LONG);
    private static final MethodHandle OPERATIONS = Downcalls.operations();
    private static final MethodHandle MEASURE = Downcalls.operation("setun_measure", JAVA_INT, ADDRESS, JAVA_LONG, JAVA_DOUBLE, ADDRESS);
    private static final MethodHandle MEASURE_WALK = Downcalls.operation("setun_measure_walk", JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS);
    private static final MethodHandle MEASURE_CALLS = Downcalls.operation("setun_measure_calls", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);

    static {
        Downcalls.function("setun_abi_version", FunctionDescriptor.of(JAVA_INT));
    }

    private static final int INVALID_ARGUMENT = 1;
    private static final int OUT_OF_MEMORY = 2;
    private static final int UNSUPPORTED = 3;

    private record Slab(Arena arena, long bytes) {
    }

    private final MemorySegment context;
    private final long address;
    private final Gate gate;
    private final Map<Long, Slab> slabs = new ConcurrentHashMap<>();

    /** @param isa the highest tier to use, or -1 */
    public NativeContext(int threads, int isa) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            try {
                Arguments options = Arguments.begin(OPTIONS).i32(threads).i32(isa);
                int status = (int) CREATE.invokeExact(MemorySegment.ofAddress(options.filled()), out);
                if (status != 0) {
                    throw failure(status, message(MemorySegment.NULL), 0);
                }
            } catch (Throwable e) {
                throw unchecked(e);
            }
            context = out.get(ADDRESS, 0);
            address = context.address();
        }
        gate = new Gate(threads > 0);
    }

    /** Such as {@code setun 0.1.0 (gcc 12.2.0, release)}. */
    public static String buildInfo() {
        try {
            return text((MemorySegment) BUILD_INFO.invokeExact());
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    public int threads() {
        enter();
        try {
            return (int) THREADS.invokeExact(context);
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            leave();
        }
    }

    public int isa() {
        enter();
        try {
            return (int) ISA.invokeExact(context);
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            leave();
        }
    }

    /** Uses a {@code cblas_sgemm}, or the built-in kernel if it is {@link MemorySegment#NULL}. */
    public void setSgemm(MemorySegment function) {
        enter();
        try {
            done((int) SET_SGEMM.invokeExact(context, function));
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            leave();
        }
    }

    /** Runs a probe of {@code setun/measure.h} and returns its rate. */
    public double measure(int limit, MemorySegment buffer, double seconds) {
        enter();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment rate = arena.allocate(JAVA_DOUBLE);
            done((int) MEASURE.invokeExact(context, limit, buffer, buffer.byteSize(), seconds, rate));
            return rate.get(JAVA_DOUBLE, 0);
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            leave();
        }
    }

    /** Goes once through a buffer; the time in seconds. */
    public double measureWalk(int walk, MemorySegment buffer) {
        enter();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment seconds = arena.allocate(JAVA_DOUBLE);
            done((int) MEASURE_WALK.invokeExact(context, walk, buffer, buffer.byteSize(), seconds));
            return seconds.get(JAVA_DOUBLE, 0);
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            leave();
        }
    }

    /** Calls {@code operation(context, struct)} from a loop in C; the time of all calls in seconds. */
    double measureCalls(Operation operation, Arguments arguments, long repeats) {
        enter();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment seconds = arena.allocate(JAVA_DOUBLE);
            MemorySegment struct = MemorySegment.ofAddress(arguments.filled());
            done((int) MEASURE_CALLS.invokeExact(context, operation.function(), struct, repeats, seconds));
            return seconds.get(JAVA_DOUBLE, 0);
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            arguments.end();
            leave();
        }
    }

    /** Maps a slab; its segment is shared and dies with {@link #unmapSlab} or {@link #close()}. */
    public MemorySegment mapSlab(long bytes) {
        return mapSlab(SLAB_MAP, bytes);
    }

    /** The same on small pages. */
    public MemorySegment mapSlabOfSmallPages(long bytes) {
        return mapSlab(SLAB_MAP_SMALL_PAGES, bytes);
    }

    private synchronized MemorySegment mapSlab(MethodHandle map, long bytes) {
        requireOpen();
        MemorySegment address;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            int status = (int) map.invokeExact(context, bytes, out);
            if (status != 0) {
                throw failure(status, message(context), bytes);
            }
            address = out.get(ADDRESS, 0);
        } catch (Throwable e) {
            throw unchecked(e);
        }
        Arena arena = Arena.ofShared();
        slabs.put(address.address(), new Slab(arena, bytes));
        return address.reinterpret(bytes, arena, null);
    }

    public synchronized void unmapSlab(MemorySegment slab) {
        requireOpen();
        Slab mapped = slabs.get(slab.address());
        if (mapped == null || mapped.bytes != slab.byteSize()) {
            throw new IllegalArgumentException("segment of " + slab.byteSize() + " bytes at 0x" + Long.toHexString(slab.address())
                    + " is not a slab of this backend");
        }
        gate.lock();
        try {
            unmap(slab.address(), mapped);
        } finally {
            gate.unlock();
        }
    }

    /** Frees workers and slabs. Closing twice does nothing; with a call in flight it is an {@link IllegalStateException}. */
    @Override
    public synchronized void close() {
        if (gate.isClosed()) {
            return;
        }
        gate.lock();
        boolean destroyed = false;
        try {
            slabs.forEach(this::unmap);
            done((int) DESTROY.invokeExact(context));
            destroyed = true;
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            if (destroyed) {
                gate.unlockClosed();
            } else {
                gate.unlock();
            }
        }
    }

    /** The context pointer, for calls between {@link #enter} and {@link #leave}. */
    MemorySegment pointer() {
        return context;
    }

    void enter() {
        gate.enter();
    }

    void leave() {
        gate.leave();
    }

    /** Throws if a status is not 0. */
    void done(int status) {
        if (status != 0) {
            throw failure(status, message(context), 0);
        }
    }

    /** Calls {@code operation(context, struct)}. */
    void call(Operation operation, Arguments arguments) {
        enter();
        try {
            done((int) OPERATIONS.invokeExact(operation.function(), address, arguments.filled()));
        } catch (Throwable e) {
            throw unchecked(e);
        } finally {
            arguments.end();
            leave();
        }
    }

    /** What a downcall threw, to be thrown on. */
    static RuntimeException unchecked(Throwable thrown) {
        switch (thrown) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new AssertionError("native calls throw nothing checked", thrown);
        }
    }

    private void unmap(long address, Slab slab) {
        slab.arena.close(); // throws if a direct segment argument is in a call; the memory is then still mapped
        slabs.remove(address);
        try {
            done((int) SLAB_UNMAP.invokeExact(context, MemorySegment.ofAddress(address), slab.bytes));
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    private void requireOpen() {
        if (gate.isClosed()) {
            throw new IllegalStateException("the backend is closed");
        }
    }

    private static RuntimeException failure(int status, String message, long bytes) {
        return switch (status) {
            case INVALID_ARGUMENT -> new IllegalArgumentException(message);
            case OUT_OF_MEMORY -> new PoolExhaustedException(message, bytes);
            case UNSUPPORTED -> new UnsupportedOperationException(message);
            default -> new IllegalStateException("native status " + status + ": " + message);
        };
    }

    private static String message(MemorySegment context) {
        try {
            return text((MemorySegment) MESSAGE.invokeExact(context));
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    private static String text(MemorySegment address) {
        return address.reinterpret(Long.MAX_VALUE).getString(0);
    }
}
