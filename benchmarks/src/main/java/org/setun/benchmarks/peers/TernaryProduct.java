package org.setun.benchmarks.peers;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** Our side with ternary weights: quantize the rows, then the product. */
final class TernaryProduct implements OurProduct {

    private final NativeBackend memory;
    private final Problem problem;
    private final List<MemorySegment> slabs = new ArrayList<>();
    private final long packedBytes;
    private final int copies;
    private final MemorySegment packed;
    private final MemorySegment gamma;
    private final MemorySegment q;
    private final MemorySegment step;
    private final MemorySegment sum;
    private final MemorySegment y;

    /**
     * @param memory    maps the operands
     * @param coldBytes bytes of weights that a cold case walks through
     */
    TernaryProduct(NativeBackend memory, Problem problem, long coldBytes) {
        this.memory = memory;
        this.problem = problem;
        Problem.Shape shape = problem.shape();
        packedBytes = TernaryOps.packedBytes(shape.m(), shape.k());
        copies = shape.cold() ? Math.toIntExact(Math.ceilDiv(coldBytes, packedBytes)) : 1;
        packed = allocate(copies * packedBytes);
        memory.ternaryPack(problem.codes(), shape.m(), shape.k(), packed.asSlice(0, packedBytes));
        for (int copy = 1; copy < copies; copy++) {
            MemorySegment.copy(packed, 0, packed, copy * packedBytes, packedBytes);
        }
        gamma = allocate(Float.BYTES);
        gamma.set(ValueLayout.JAVA_FLOAT, 0, Problem.GAMMA);
        q = allocate(shape.n() * TernaryOps.paddedK(shape.k()));
        step = allocate(shape.n() * Float.BYTES);
        sum = allocate(shape.n() * Integer.BYTES);
        y = allocate(shape.n() * shape.m() * Float.BYTES);
    }

    @Override
    public Side on(NativeBackend backend) {
        Problem.Shape shape = problem.shape();
        Side side = index -> {
            backend.quantizeRows(problem.x(), shape.n(), shape.k(), shape.k(), q, step, sum);
            backend.ternaryGemm(packed.asSlice(index % copies * packedBytes, packedBytes), shape.m(), shape.k(), gamma, q, step, sum,
                    shape.n(), null, null, y, shape.m(), null);
        };
        for (int index : new int[]{0, copies - 1}) {
            y.fill((byte) -1);
            side.call(index);
            problem.check(y, (i, exact) -> exact);
        }
        return side;
    }

    private MemorySegment allocate(long bytes) {
        MemorySegment slab = memory.mapSlab(bytes);
        slabs.add(slab);
        return slab.asSlice(0, bytes);
    }

    @Override
    public void close() {
        slabs.forEach(memory::unmapSlab);
        slabs.clear();
    }
}
