package org.setun.nn;

import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.kernels.reference.ReferenceBackend;

/** A backend, a pool and a workspace, and tensors of random numbers. */
abstract class NetTest {

    final Backend backend = openBackend();
    final MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();
    final Workspace workspace = new Workspace(backend, 1 << 20);
    final SplittableRandom random = new SplittableRandom(42);

    /** The reference, unless a subclass says otherwise. */
    Backend openBackend() {
        return new ReferenceBackend();
    }

    @AfterEach
    void close() {
        workspace.close();
        pool.close();
        backend.close();
    }

    /** Normally distributed. */
    Tensor normal(long... shape) {
        float[] values = new float[Math.toIntExact(Shape.of(shape).size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(pool, values, shape);
    }

    Tensor ints(int... values) {
        return Tensor.of(pool, values, values.length);
    }

    Tensor randomInts(int count, int bound) {
        return ints(random.ints(count, 0, bound).toArray());
    }
}
