package org.setun.training;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.OptimOps;
import org.setun.nn.DType;
import org.setun.nn.Parameter;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig.Optimizer;

/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101) with clipping of the global gradient norm. Matrices decay; norms, biases, the embedding
 * and the head do not unless asked to. The moments live in the allocator that the optimizer is given. One thread.
 */
public final class AdamWOptimizer {

    private static final List<String> EMBEDDINGS = List.of("token_embd.weight", "output.weight");

    private final Backend backend;
    private final List<Parameter> parameters;
    private final Optimizer settings;
    private final Tensor[] first;
    private final Tensor[] second;
    private final Tensor sums;
    private final Tensor clip;
    private long updates;

    /** Moments of 0 for {@code parameters}. */
    public AdamWOptimizer(Backend backend, Allocator allocator, List<Parameter> parameters, Optimizer settings) {
        this.backend = backend;
        this.parameters = List.copyOf(parameters);
        this.settings = settings;
        first = new Tensor[parameters.size()];
        second = new Tensor[parameters.size()];
        for (int i = 0; i < first.length; i++) {
            first[i] = zeros(allocator, this.parameters.get(i));
            second[i] = zeros(allocator, this.parameters.get(i));
        }
        sums = Tensor.allocate(allocator, DType.F64, Math.max(1, first.length));
        clip = Tensor.allocate(allocator, DType.F32, 2);
    }

    private static Tensor zeros(Allocator allocator, Parameter like) {
        Tensor tensor = Tensor.allocate(allocator, DType.F32, like.shape());
        tensor.clear();
        return tensor;
    }

    /**
     * Computes the global norm of the gradients and the factor that clips it; both stay in tensors. Returns the norm, which is not finite if
     * any gradient is not.
     */
    public double measure() {
        for (int i = 0; i < first.length; i++) {
            Tensor gradient = parameters.get(i).gradient();
            backend.sumSquares(gradient.segment(), gradient.size(), sums.segment().asSlice((long) i * Double.BYTES, Double.BYTES));
        }
        backend.clipFactor(sums.segment(), first.length, (float) settings.clipNorm(), clip.segment());
        return clip.segment().get(ValueLayout.JAVA_FLOAT, 0);
    }

    /** One update with the gradients that {@link #measure} has seen. */
    public void update(double learningRate, double decayFactor) {
        updates++;
        for (int i = 0; i < first.length; i++) {
            Parameter parameter = parameters.get(i);
            OptimOps.AdamW step = new OptimOps.AdamW((float) learningRate, (float) settings.beta1(), (float) settings.beta2(),
                    (float) settings.eps(), (float) (decays(parameter) ? settings.weightDecay() * decayFactor : 0),
                    (float) (1 - Math.pow(settings.beta1(), updates)), (float) (1 - Math.pow(settings.beta2(), updates)));
            backend.adamW(step, parameter.shape().size(), parameter.value().segment(), parameter.gradient().segment(), first[i].segment(),
                    second[i].segment(), clip.segment().asSlice(Float.BYTES, Float.BYTES));
            parameter.markChanged();
        }
    }

    /** Whether weight decay applies to {@code parameter}. */
    boolean decays(Parameter parameter) {
        if (EMBEDDINGS.contains(parameter.name())) {
            return settings.decayEmbeddings();
        }
        return parameter.decay() || settings.decayNorms();
    }

    /** Updates made so far: the t of the bias correction. */
    public long updates() {
        return updates;
    }

    /** Sets t when a run is resumed. */
    public void updates(long count) {
        updates = count;
    }

    List<Parameter> parameters() {
        return parameters;
    }

    /** The first moment of parameter {@code index}. */
    Tensor first(int index) {
        return first[index];
    }

    /** The second moment of parameter {@code index}. */
    Tensor second(int index) {
        return second[index];
    }
}
