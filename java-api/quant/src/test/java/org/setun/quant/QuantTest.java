package org.setun.quant;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.opentest4j.TestAbortedException;
import org.setun.kernels.Backend;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.NativeLibraryException;
import org.setun.kernels.OptimOps;
import org.setun.kernels.Workspace;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.nn.DType;
import org.setun.nn.Model;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;

/** A backend, a pool, a workspace, tensors of random numbers, and AdamW. */
abstract class QuantTest {

    static final Quantization TERNARY = QuantPresets.bitnet158().quantization();

    final Backend backend = openBackend();
    final MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();
    final Workspace workspace = new Workspace(backend, 1 << 20);
    final SplittableRandom random = new SplittableRandom(42);
    private final Map<Parameter, Tensor[]> moments = new HashMap<>();

    /** The reference, unless a subclass says otherwise. */
    Backend openBackend() {
        return new ReferenceBackend();
    }

    static Backend nativeOrSkip(int threads) {
        try {
            return NativeBackend.create(BackendOptions.defaults().withThreads(threads));
        } catch (NativeLibraryException e) {
            throw new TestAbortedException("no native library", e);
        }
    }

    @AfterEach
    void close() {
        workspace.close();
        pool.close();
        backend.close();
    }

    Tensor normal(double deviation, long... shape) {
        float[] values = new float[Math.toIntExact(Shape.of(shape).size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        return Tensor.of(pool, values, shape);
    }

    Parameter parameter(String name, Tensor value) {
        Parameter parameter = new Parameter(name, pool, true, value.shape());
        parameter.load(value.segment());
        return parameter;
    }

    /** Step {@code t}, from 1, with betas 0.9 and 0.95 and no decay. */
    void adamW(Model model, int t, float lr) {
        OptimOps.AdamW step = new OptimOps.AdamW(lr, 0.9f, 0.95f, 1e-8f, 0, (float) (1 - Math.pow(0.9, t)),
                (float) (1 - Math.pow(0.95, t)));
        for (Parameter parameter : model.parameters()) {
            Tensor[] state = moments.computeIfAbsent(parameter, key -> new Tensor[]{zeros(key.shape()), zeros(key.shape())});
            backend.adamW(step, parameter.shape().size(), parameter.value().segment(), parameter.gradient().segment(), state[0].segment(),
                    state[1].segment(), null);
            parameter.markChanged();
        }
        model.clearGradients();
    }

    private Tensor zeros(Shape shape) {
        Tensor zeros = Tensor.allocate(pool, DType.F32, shape);
        zeros.clear();
        return zeros;
    }
}
