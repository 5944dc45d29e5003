package org.setun.training.optimizer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.Tensor;

/** Euclidean norms of tensors, in the fixed order of sums; one thread. */
final class Norm {

    private final Backend backend;
    private final MemorySegment sum;

    Norm(Backend backend, Allocator allocator) {
        this.backend = backend;
        sum = Tensor.allocate(allocator, DType.F64, 1).segment();
    }

    /** The norm of {@code x}, any shape. */
    double of(Tensor x) {
        backend.sumSquares(x.segment(), x.size(), sum);
        return Math.sqrt(sum.get(ValueLayout.JAVA_DOUBLE, 0));
    }
}
