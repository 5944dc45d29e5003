package org.setun.benchmarks.peers;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * The public C interface of one peer's ggml, as far as a product needs it ({@code ggml.h}, {@code ggml-alloc.h}, {@code ggml-backend.h}). It is
 * the backend interface through which the peers run their own models; all three versions of ggml have it.
 */
final class GgmlLibrary {

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout INIT_PARAMS = MemoryLayout.structLayout(JAVA_LONG.withName("mem_size"),
            ADDRESS.withName("mem_buffer"), JAVA_BOOLEAN.withName("no_alloc"), MemoryLayout.paddingLayout(7));
    private static final StructLayout TYPE_TRAITS = MemoryLayout.structLayout(ADDRESS.withName("type_name"),
            JAVA_LONG.withName("blck_size"),
            JAVA_LONG.withName("blck_size_interleave"), JAVA_LONG.withName("type_size"), JAVA_BOOLEAN.withName("is_quantized"),
            MemoryLayout.paddingLayout(7), ADDRESS.withName("to_float"));
    private static final long THREADPOOL_PARAMS_ROOM = 4096;
    private static final int LOG_WARN = 3;

    private final Peer peer;
    private final Path file;
    private final SymbolLookup symbols;
    private final List<String> missing = new ArrayList<>();

    private final MethodHandle init;
    private final MethodHandle free;
    private final MethodHandle typeName;
    private final MethodHandle newTensor;
    private final MethodHandle mulMat;
    private final MethodHandle newGraph;
    private final MethodHandle expand;
    private final MethodHandle quantize;
    private final MethodHandle bytes;
    private final MethodHandle data;
    private final MethodHandle allocate;
    private final MethodHandle place;
    private final MethodHandle set;
    private final MethodHandle freeBuffer;
    private final MethodHandle cpuBufferType;
    private final MethodHandle newBackend;
    private final MethodHandle freeBackend;
    private final MethodHandle setThreads;
    private final MethodHandle compute;

    /**
     * Opens a shared library for the rest of the process.
     *
     * @throws IllegalArgumentException if it cannot be opened or lacks a function; the message says which
     */
    GgmlLibrary(Peer peer, Path file) {
        this.peer = peer;
        this.file = file;
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(peer.option() + ": no such file: " + file);
        }
        try {
            symbols = SymbolLookup.libraryLookup(file.toAbsolutePath(), Arena.global());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(peer.option() + ": cannot open " + file
                    + " as a shared library (does ldd find all that it needs?)", e);
        }
        quiet();
        init = bind("ggml_init", FunctionDescriptor.of(ADDRESS, INIT_PARAMS));
        free = bind("ggml_free", FunctionDescriptor.ofVoid(ADDRESS));
        typeName = bind("ggml_type_name", FunctionDescriptor.of(ADDRESS, JAVA_INT));
        newTensor = bind("ggml_new_tensor_2d", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG));
        mulMat = bind("ggml_mul_mat", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS));
        newGraph = bind("ggml_new_graph_custom", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_BOOLEAN));
        expand = bind("ggml_build_forward_expand", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        List<MemoryLayout> chunk = new ArrayList<>(List.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS));
        if (peer.quantizeTakesUserData()) {
            chunk.add(ADDRESS);
        }
        quantize = bind("ggml_quantize_chunk", FunctionDescriptor.of(JAVA_LONG, chunk.toArray(MemoryLayout[]::new)));
        bytes = bind("ggml_nbytes", FunctionDescriptor.of(JAVA_LONG, ADDRESS));
        data = bind("ggml_get_data", FunctionDescriptor.of(ADDRESS, ADDRESS));
        allocate = bind("ggml_backend_alloc_ctx_tensors_from_buft", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
        place = bind("ggml_backend_tensor_alloc", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, ADDRESS));
        set = bind("ggml_backend_tensor_set", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG));
        freeBuffer = bind("ggml_backend_buffer_free", FunctionDescriptor.ofVoid(ADDRESS));
        cpuBufferType = bind("ggml_backend_cpu_buffer_type", FunctionDescriptor.of(ADDRESS));
        newBackend = bind("ggml_backend_cpu_init", FunctionDescriptor.of(ADDRESS));
        freeBackend = bind("ggml_backend_free", FunctionDescriptor.ofVoid(ADDRESS));
        setThreads = bind("ggml_backend_cpu_set_n_threads", FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT));
        compute = bind("ggml_backend_graph_compute", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException(peer.option() + ": " + file + " does not export " + String.join(", ", missing)
                    + ": it must hold the CPU parts of the ggml of " + peer.label() + " (ggml, ggml-base, ggml-cpu)");
        }
    }

    Peer peer() {
        return peer;
    }

    /** A context for descriptions of tensors and graphs, without their data. */
    MemorySegment newContext(long room) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(INIT_PARAMS);
            params.set(JAVA_LONG, 0, room);
            params.set(JAVA_BOOLEAN, INIT_PARAMS.byteOffset(MemoryLayout.PathElement.groupElement("no_alloc")), true);
            return pointer(init, "ggml_init", params);
        }
    }

    void freeContext(MemorySegment context) {
        invoke(free, context);
    }

    /** Fails if this ggml numbers its types in another way. */
    void requireType(PeerFormat format) {
        MemorySegment name = ((MemorySegment) invoke(typeName, format.type())).reinterpret(64);
        if (!name.getString(0).equalsIgnoreCase(format.name())) {
            throw new IllegalArgumentException(peer.option() + ": type " + format.type() + " of " + file + " is " + name.getString(0)
                    + ", not " + format + ": this is not the ggml of " + peer.label());
        }
    }

    MemorySegment newTensor(MemorySegment context, int type, long columns, long rows) {
        return pointer(newTensor, "ggml_new_tensor_2d", context, type, columns, rows);
    }

    MemorySegment mulMat(MemorySegment context, MemorySegment w, MemorySegment x) {
        return pointer(mulMat, "ggml_mul_mat", context, w, x);
    }

    /** The graph that computes one tensor. */
    MemorySegment newGraph(MemorySegment context, MemorySegment result, long nodes) {
        MemorySegment graph = pointer(newGraph, "ggml_new_graph_custom", context, nodes, false);
        invoke(expand, graph, result);
        return graph;
    }

    /** fp32 weights to the peer's format. */
    void quantize(int type, MemorySegment weights, MemorySegment quantized, long rows, long columns) {
        List<Object> arguments = new ArrayList<>(List.of(type, weights, quantized, 0L, rows, columns, MemorySegment.NULL));
        if (peer.quantizeTakesUserData()) {
            arguments.add(MemorySegment.NULL);
        }
        invoke(quantize, arguments.toArray());
    }

    /** The values of quantized weights, as the peer itself reads them. */
    float[] dequantize(PeerFormat format, MemorySegment quantized, long count) {
        MemorySegment traits = pointer(require("ggml_get_type_traits", FunctionDescriptor.of(ADDRESS, JAVA_INT)), "ggml_get_type_traits",
                format.type()).reinterpret(TYPE_TRAITS.byteSize());
        MemorySegment function = traits.get(ADDRESS, TYPE_TRAITS.byteOffset(MemoryLayout.PathElement.groupElement("to_float")));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocate(count * Float.BYTES, 64);
            invoke(LINKER.downcallHandle(function, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG)), quantized, values, count);
            return values.toArray(JAVA_FLOAT);
        }
    }

    long bytes(MemorySegment tensor) {
        return (long) invoke(bytes, tensor);
    }

    /** Where a tensor's data lies. */
    MemorySegment data(MemorySegment tensor) {
        return pointer(data, "ggml_get_data", tensor).reinterpret(bytes(tensor));
    }

    /** Gives memory to all tensors of a context that have none; the buffer is freed by {@link #freeBuffer}. */
    MemorySegment allocate(MemorySegment context, MemorySegment bufferType) {
        return pointer(allocate, "ggml_backend_alloc_ctx_tensors_from_buft", context, bufferType);
    }

    /** Puts a tensor at an address inside a buffer. */
    void place(MemorySegment buffer, MemorySegment tensor, MemorySegment address) {
        invoke(place, buffer, tensor, address);
    }

    /** Sets a tensor's data; a repacking buffer rearranges it. */
    void set(MemorySegment tensor, MemorySegment source, long byteCount) {
        invoke(set, tensor, source, 0L, byteCount);
    }

    /** Tells the lookup-table kernels of bitnet.cpp about a weight whose data is in place, as its model loader does. */
    void prepareTables(MemorySegment tensor) {
        invoke(require("ggml_bitnet_transform_tensor", FunctionDescriptor.ofVoid(ADDRESS)), tensor);
    }

    void freeBuffer(MemorySegment buffer) {
        invoke(freeBuffer, buffer);
    }

    MemorySegment cpuBufferType() {
        return pointer(cpuBufferType, "ggml_backend_cpu_buffer_type");
    }

    /** The buffer type that rearranges weights for this CPU, found as the peer's own model loader finds it. */
    MemorySegment repackBufferType(MemorySegment backend) {
        MemorySegment device = pointer(require("ggml_backend_get_device", FunctionDescriptor.of(ADDRESS, ADDRESS)),
                "ggml_backend_get_device", backend);
        MemorySegment registry = pointer(require("ggml_backend_dev_backend_reg", FunctionDescriptor.of(ADDRESS, ADDRESS)),
                "ggml_backend_dev_backend_reg", device);
        MethodHandle name = require("ggml_backend_buft_name", FunctionDescriptor.of(ADDRESS, ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment extra = pointer(require("ggml_backend_reg_get_proc_address", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS)),
                    "ggml_backend_reg_get_proc_address", registry, arena.allocateFrom("ggml_backend_dev_get_extra_bufts"));
            MemorySegment types = pointer(LINKER.downcallHandle(extra, FunctionDescriptor.of(ADDRESS, ADDRESS)), "get_extra_bufts", device)
                    .reinterpret(Long.MAX_VALUE);
            for (long i = 0; types.getAtIndex(ADDRESS, i).address() != 0; i++) {
                MemorySegment type = types.getAtIndex(ADDRESS, i);
                if (((MemorySegment) invoke(name, type)).reinterpret(64).getString(0).equals("CPU_REPACK")) {
                    return type;
                }
            }
        }
        throw new IllegalArgumentException(peer.option() + ": " + file + " was built without weight repacking (GGML_CPU_REPACK)");
    }

    /** A CPU backend of so many threads, with a thread pool of its own where this ggml has thread pools. */
    MemorySegment newBackend(int threads) {
        MemorySegment backend = pointer(newBackend, "ggml_backend_cpu_init");
        invoke(setThreads, backend, threads);
        Optional<MethodHandle> attach = find("ggml_backend_cpu_set_threadpool", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        if (attach.isPresent()) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment params = arena.allocate(THREADPOOL_PARAMS_ROOM, 16);
                invoke(require("ggml_threadpool_params_init", FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT)), params, threads);
                invoke(attach.get(), backend,
                        pointer(require("ggml_threadpool_new", FunctionDescriptor.of(ADDRESS, ADDRESS)), "ggml_threadpool_new", params));
            }
        }
        return backend;
    }

    void freeBackend(MemorySegment backend) {
        invoke(freeBackend, backend);
    }

    /** Computes a graph on the threads of a backend. */
    void compute(MemorySegment backend, MemorySegment graph) {
        int status;
        try {
            status = (int) compute.invokeExact(backend, graph);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        if (status != 0) {
            throw new IllegalStateException(peer.label() + ": ggml_backend_graph_compute returned " + status);
        }
    }

    /** Leaves out what a ggml tells about its progress; warnings and errors go to the error stream. */
    private void quiet() {
        FunctionDescriptor callback = FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS);
        find("ggml_log_set", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS)).ifPresent(function -> {
            try {
                MethodHandle log = MethodHandles.lookup().findStatic(GgmlLibrary.class, "log", callback.toMethodType());
                invoke(function, LINKER.upcallStub(log, callback, Arena.global()), MemorySegment.NULL);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static void log(int level, MemorySegment text, MemorySegment unused) {
        if (level >= LOG_WARN) {
            System.err.print(text.reinterpret(Long.MAX_VALUE).getString(0));
        }
    }

    private MethodHandle bind(String name, FunctionDescriptor descriptor) {
        return find(name, descriptor).orElseGet(() -> {
            missing.add(name);
            return MethodHandles.empty(descriptor.toMethodType());
        });
    }

    private MethodHandle require(String name, FunctionDescriptor descriptor) {
        return find(name, descriptor)
                .orElseThrow(() -> new IllegalArgumentException(peer.option() + ": " + file + " does not export " + name));
    }

    private Optional<MethodHandle> find(String name, FunctionDescriptor descriptor) {
        return symbols.find(name).map(address -> LINKER.downcallHandle(address, descriptor));
    }

    private MemorySegment pointer(MethodHandle function, String name, Object... arguments) {
        MemorySegment result = (MemorySegment) invoke(function, arguments);
        if (result.address() == 0) {
            throw new IllegalStateException(peer.label() + ": " + name + " returned NULL");
        }
        return result;
    }

    private static Object invoke(MethodHandle function, Object... arguments) {
        try {
            return function.invokeWithArguments(Arrays.asList(arguments));
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
