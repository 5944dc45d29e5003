package org.setun.training.optimizer;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.nn.DType;
import org.setun.nn.Parameter;
import org.setun.nn.Tensor;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.config.TrainingConfig;

/**
 * Changes the parameters of a model by their gradients, with clipping of the global gradient norm; which way is {@code optimizer.kind}. Matrices
 * decay; norms, biases, the embedding and the head do not unless asked to. State lives in the allocator that the optimizer is given. One thread.
 */
public final class Optimizer implements AutoCloseable {

    private static final List<String> EMBEDDINGS = List.of("token_embd.weight", "output.weight");

    /** A parameter, the rule that changes it, and what the rule keeps for it. */
    private record Slot(Parameter parameter, UpdateRule rule, List<String> names, List<Tensor> state) {
    }

    private final Backend backend;
    private final TrainingConfig.Optimizer settings;
    private final List<Slot> slots = new ArrayList<>();
    private final List<WeightConstraint> constraints = new ArrayList<>();
    private final RateFactors factors;
    private final @Nullable PagedMemory file;
    private final @Nullable MemoryPool paged;
    private final Tensor sums;
    private final Tensor clip;
    private long updates;

    /** As the other constructor, with paged state in the folder for temporary files. */
    public Optimizer(Backend backend, Allocator allocator, List<Parameter> parameters, TrainingConfig.Optimizer settings) {
        this(backend, allocator, parameters, settings, Path.of(System.getProperty("java.io.tmpdir")));
    }

    /**
     * State of 0 for {@code parameters}.
     *
     * @param allocator for the state, unless it is paged, and for scratch memory
     * @param pages     folder of the file that holds paged state until {@link #close}
     */
    public Optimizer(Backend backend, Allocator allocator, List<Parameter> parameters, TrainingConfig.Optimizer settings, Path pages) {
        this.backend = backend;
        this.settings = settings;
        factors = new RateFactors(settings);
        file = settings.paged() ? new PagedMemory(pages) : null;
        paged = file == null ? null : MemoryPool.builder(file).build();
        try {
            addSlots(parameters, allocator);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
        sums = Tensor.allocate(allocator, DType.F64, Math.max(1, slots.size()));
        clip = Tensor.allocate(allocator, DType.F32, 2);
    }

    private void addSlots(List<Parameter> parameters, Allocator allocator) {
        Norm norm = new Norm(backend, allocator);
        UpdateRule main = switch (settings.kind()) {
            case ADAMW -> new AdamRule(AdamRule.Kind.ADAMW, settings, norm);
            case ADAM -> new AdamRule(AdamRule.Kind.ADAM, settings, norm);
            case LAMB -> new AdamRule(AdamRule.Kind.LAMB, settings, norm);
            case SGD -> new SgdRule(settings);
            case LION -> new LionRule(settings);
            case MUON -> new MuonRule(settings, allocator, norm);
            case ADAFACTOR -> new AdafactorRule(settings);
            case ADAMW8BIT -> new Adam8Rule(settings, norm);
        };
        UpdateRule others = main instanceof MuonRule ? new AdamRule(AdamRule.Kind.ADAMW, settings, norm) : main;
        for (Parameter parameter : parameters) {
            slots.add(slot(parameter, isHiddenMatrix(parameter) ? main : others, paged == null ? allocator : paged));
        }
    }

    /** A matrix between layers: what Muon is for. */
    private static boolean isHiddenMatrix(Parameter parameter) {
        return parameter.shape().rank() == 2 && parameter.decay() && !EMBEDDINGS.contains(parameter.name());
    }

    private static Slot slot(Parameter parameter, UpdateRule rule, Allocator allocator) {
        List<String> names = new ArrayList<>();
        List<Tensor> state = new ArrayList<>();
        for (UpdateRule.State kept : rule.state(parameter)) {
            Tensor tensor = Tensor.allocate(allocator, kept.type(), kept.shape());
            tensor.clear();
            names.add(parameter.name() + "." + kept.suffix());
            state.add(tensor);
        }
        return new Slot(parameter, rule, List.copyOf(names), List.copyOf(state));
    }

    /**
     * Computes the global norm of the gradients and the factor that clips it; both stay in tensors. Returns the norm, which is not finite if
     * any gradient is not.
     */
    public double measure() {
        constraints.forEach(WeightConstraint::gradients);
        for (int i = 0; i < slots.size(); i++) {
            Tensor gradient = slots.get(i).parameter.gradient();
            backend.sumSquares(gradient.segment(), gradient.size(), sums.segment().asSlice((long) i * Double.BYTES, Double.BYTES));
        }
        backend.clipFactor(sums.segment(), slots.size(), (float) settings.clipNorm(), clip.segment());
        return clip.segment().get(ValueLayout.JAVA_FLOAT, 0);
    }

    /** One update with the gradients that {@link #measure} has seen, which it may overwrite. */
    public void update(double learningRate, double decayFactor) {
        updates++;
        constraints.forEach(constraint -> constraint.begin(updates));
        for (Slot slot : slots) {
            float decay = (float) (decays(slot.parameter) ? settings.weightDecay() * decayFactor : 0);
            slot.rule.update(
                    new UpdateRule.Step(backend, (float) (learningRate * factors.of(slot.parameter.name())), decay, updates,
                            clip.segment().asSlice(Float.BYTES, Float.BYTES)),
                    slot.parameter, slot.state);
            slot.parameter.markChanged();
        }
        constraints.forEach(constraint -> constraint.apply(updates));
        constraints.forEach(constraint -> constraint.validate(updates));
    }

    /** Adds a constraint, after those that there are. */
    public void constrain(WeightConstraint constraint) {
        constraints.add(constraint);
    }

    /**
     * From now on, divides the learning rate of a parameter by {@code 1 + sensitivity}: for a layer whose loss reacts strongly to its codes. Not part
     * of the state.
     *
     * @param name        of the parameter
     * @param sensitivity at least 0; 0 undoes it
     */
    public void adaptLearningRate(String name, double sensitivity) {
        if (slots.stream().noneMatch(slot -> slot.parameter.name().equals(name))) {
            throw new IllegalArgumentException("there is no parameter " + name);
        }
        factors.adapt(name, sensitivity);
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

    /** What lasts from step to step, for checkpoints: {@code PARAMETER.m} and so on, in a fixed order. */
    public List<NamedTensor> state() {
        List<NamedTensor> all = new ArrayList<>();
        for (Slot slot : slots) {
            for (int i = 0; i < slot.names.size(); i++) {
                Tensor tensor = slot.state.get(i);
                long[] shape = new long[tensor.shape().rank()];
                Arrays.setAll(shape, tensor.shape()::dimension);
                all.add(new NamedTensor(slot.names.get(i), storedAs(tensor.type()), shape, tensor.segment()));
            }
        }
        constraints.forEach(constraint -> all.addAll(constraint.state()));
        return all;
    }

    private static org.setun.formats.safetensors.DType storedAs(DType type) {
        return org.setun.formats.safetensors.DType.valueOf(type.name());
    }

    /** Gives paged state back, with its file; other state is the allocator's. No update may follow. */
    @Override
    public void close() {
        if (paged != null && file != null) {
            paged.close();
            file.close();
        }
    }
}
