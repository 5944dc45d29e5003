package org.setun.benchmarks.peers;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.BlockOps;
import org.setun.kernels.NativeBackend;

/** Our side with the peer's own blocks: quantize the activations in blocks, then the product of the packed blocks. */
final class BlockProduct implements OurProduct {

    private final NativeBackend memory;
    private final Problem problem;
    private final Problem.Weights weights;
    private final BlockFormat format;
    private final List<MemorySegment> slabs = new ArrayList<>();
    private final long packedBytes;
    private final int copies;
    private final MemorySegment packed;
    private final MemorySegment q;
    private final MemorySegment step;
    private final MemorySegment sum;
    private final MemorySegment y;

    /**
     * @param memory    maps the operands
     * @param quantized the weights as the peer quantized them
     * @param weights   their values
     * @param coldBytes bytes of weights that a cold case walks through
     */
    BlockProduct(NativeBackend memory, Problem problem, BlockFormat format, MemorySegment quantized, Problem.Weights weights,
            long coldBytes) {
        this.memory = memory;
        this.problem = problem;
        this.weights = weights;
        this.format = format;
        Problem.Shape shape = problem.shape();
        packedBytes = format.packedBytes(shape.m(), shape.k());
        copies = shape.cold() ? Math.toIntExact(Math.ceilDiv(coldBytes, packedBytes)) : 1;
        packed = allocate(copies * packedBytes);
        memory.blockPack(format, 0, quantized, shape.m(), shape.k(), packed.asSlice(0, packedBytes));
        for (int copy = 1; copy < copies; copy++) {
            MemorySegment.copy(packed, 0, packed, copy * packedBytes, packedBytes);
        }
        long blocks = shape.n() * BlockOps.blocks(shape.k());
        q = allocate(blocks * BlockOps.BLOCK);
        step = allocate(blocks * Float.BYTES);
        sum = allocate(blocks * BlockOps.BLOCK_SUMS * Integer.BYTES);
        y = allocate(shape.n() * shape.m() * Float.BYTES);
    }

    @Override
    public Side on(NativeBackend backend) {
        Problem.Shape shape = problem.shape();
        Side side = index -> {
            backend.quantizeBlocks(problem.x(), shape.n(), shape.k(), shape.k(), q, step, sum);
            backend.blockGemm(format, packed.asSlice(index % copies * packedBytes, packedBytes), shape.m(), shape.k(), q, step, sum,
                    shape.n(), null, null, y, shape.m());
        };
        for (int index : new int[]{0, copies - 1}) {
            y.fill((byte) -1);
            side.call(index);
            problem.check(y, weights);
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
