package org.setun.benchmarks.peers;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/** A peer's side: one graph of one {@code ggml_mul_mat} for every copy of the weights; all read the same activations and write one result. */
final class GgmlProduct implements AutoCloseable {

    private static final int F32 = 0;
    private static final int I8 = 24;
    private static final long NODES = 8;
    private static final long ROOM_PER_COPY = 16 << 10;

    private final GgmlLibrary library;
    private final Problem problem;
    private final PeerFormat format;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment weightContext;
    private final MemorySegment weightBuffer;
    private final MemorySegment productContext;
    private final MemorySegment productBuffer;
    private final MemorySegment quantized;
    private final MemorySegment[] graphs;
    private final MemorySegment y;

    /** @param coldBytes bytes of weights that a cold case walks through */
    GgmlProduct(GgmlLibrary library, Problem problem, PeerFormat format, long coldBytes) {
        this.library = library;
        this.problem = problem;
        this.format = format;
        Problem.Shape shape = problem.shape();
        library.requireType(format);
        quantized = quantize(shape);
        graphs = new MemorySegment[shape.cold() ? Math.toIntExact(Math.ceilDiv(coldBytes, quantized.byteSize())) : 1];
        long room = (graphs.length + 2) * ROOM_PER_COPY;

        weightContext = library.newContext(room);
        MemorySegment[] weights = new MemorySegment[graphs.length];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = library.newTensor(weightContext, format.type(), shape.k(), shape.m());
        }
        weightBuffer = format.packedHere() ? place(weights, quantized.byteSize()) : library.allocate(weightContext, bufferType());
        for (MemorySegment w : weights) {
            if (format.packedHere()) {
                library.data(w).reinterpret(quantized.byteSize()).copyFrom(quantized);
                library.prepareTables(w);
            } else {
                library.set(w, quantized, quantized.byteSize());
            }
        }

        productContext = library.newContext(room);
        MemorySegment x = library.newTensor(productContext, F32, shape.k(), shape.n());
        MemorySegment first = library.mulMat(productContext, weights[0], x);
        productBuffer = library.allocate(productContext, library.cpuBufferType());
        library.set(x, problem.x(), problem.x().byteSize());
        y = library.data(first);
        for (int i = 0; i < graphs.length; i++) {
            MemorySegment product = first;
            if (i > 0) {
                product = library.mulMat(productContext, weights[i], x);
                library.place(productBuffer, product, y);
            }
            graphs[i] = library.newGraph(productContext, product, NODES);
        }
    }

    private MemorySegment quantize(Problem.Shape shape) {
        if (format.packedHere()) {
            MemorySegment packed = arena.allocate(Tl2Packing.stride(shape.m(), shape.k()), 64);
            Tl2Packing.pack(problem.codes(), shape.m(), shape.k(), Problem.GAMMA, packed);
            return packed;
        }
        MemorySegment context = library.newContext(ROOM_PER_COPY);
        try (Arena scope = Arena.ofConfined()) {
            long bytes = library.bytes(library.newTensor(context, format.type(), shape.k(), shape.m()));
            MemorySegment result = arena.allocate(bytes, 64);
            library.quantize(format.type(), problem.weights(scope), result, shape.m(), shape.k());
            return result;
        } finally {
            library.freeContext(context);
        }
    }

    /** Puts weights that own more bytes than their tensors know of one behind the other. */
    private MemorySegment place(MemorySegment[] weights, long stride) {
        MemorySegment context = library.newContext(ROOM_PER_COPY);
        try {
            MemorySegment room = library.newTensor(context, I8, stride, weights.length + 1);
            MemorySegment buffer = library.allocate(context, library.cpuBufferType());
            for (int i = 0; i < weights.length; i++) {
                library.place(buffer, weights[i], library.data(room).asSlice(i * stride, 0));
            }
            return buffer;
        } finally {
            library.freeContext(context);
        }
    }

    private MemorySegment bufferType() {
        if (!format.repacked()) {
            return library.cpuBufferType();
        }
        MemorySegment backend = library.newBackend(1);
        try {
            return library.repackBufferType(backend);
        } finally {
            library.freeBackend(backend);
        }
    }

    /**
     * The product on a backend of the library, checked.
     *
     * @throws WrongResultException if the peer computes something else
     */
    Side on(MemorySegment backend) {
        Side side = index -> library.compute(backend, graphs[index % graphs.length]);
        for (int index : new int[]{0, graphs.length - 1}) {
            for (long i = 0; i < y.byteSize() / Float.BYTES; i++) {
                y.setAtIndex(JAVA_FLOAT, i, Float.NaN);
            }
            side.call(index);
            problem.check(y, weights());
        }
        return side;
    }

    /** The weights in the peer's format, as files hold them. */
    MemorySegment quantized() {
        return quantized;
    }

    /** What their values are. */
    Problem.Weights weights() {
        if (format.blocks().isEmpty()) {
            return (i, exact) -> exact;
        }
        float[] values = library.dequantize(format, quantized, problem.shape().m() * problem.shape().k());
        return (i, exact) -> values[(int) i];
    }

    @Override
    public void close() {
        library.freeContext(productContext);
        library.freeBuffer(productBuffer);
        library.freeContext(weightContext);
        library.freeBuffer(weightBuffer);
        arena.close();
    }
}
