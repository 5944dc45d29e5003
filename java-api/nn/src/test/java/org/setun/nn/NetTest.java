package org.setun.nn;

import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.kernels.reference.ReferenceBackend;

/** A backend, a pool and a workspace, and tensors of random numbers. */
abstract class NetTest {

    final Backend backend = new ReferenceBackend();
    final MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();
    final Workspace workspace = new Workspace(backend, 1 << 20);
    final SplittableRandom random = new SplittableRandom(42);

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

    static void adamW(Backend backend, MemoryPool pool, Model model, java.util.Map<String, Tensor[]> state, int t, float lr) {
        for (Parameter parameter : model.parameters()) {
            Tensor[] moments = state.computeIfAbsent(parameter.name(), name -> {
                Tensor[] fresh = {Tensor.allocate(pool, DType.F32, parameter.shape()), Tensor.allocate(pool, DType.F32, parameter.shape())};
                fresh[0].clear();
                fresh[1].clear();
                return fresh;
            });
            org.setun.kernels.OptimOps.AdamW step = new org.setun.kernels.OptimOps.AdamW(lr, 0.9f, 0.95f, 1e-8f,
                    parameter.decay() ? 0.1f : 0, (float) (1 - Math.pow(0.9, t)), (float) (1 - Math.pow(0.95, t)));
            backend.adamW(step, parameter.shape().size(), parameter.value().segment(), parameter.gradient().segment(), moments[0].segment(),
                    moments[1].segment(), null);
            parameter.markChanged();
        }
    }
}
