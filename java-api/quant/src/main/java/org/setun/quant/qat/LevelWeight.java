package org.setun.quant.qat;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.DType;
import org.setun.nn.QuantizedRows;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.quant.Granularity;
import org.setun.quant.TernaryWeight;
import org.setun.quant.UniformWeight;

/**
 * A weight as codes of equally distant levels, with the values that stand in its place: the levels, or what a smooth or mixed rule makes of them.
 * Ternary codes with one scale are packed, too; products use them while the rule gives codes and nothing but them. One thread at a time.
 */
public final class LevelWeight implements QuantizedWeight {

    private final UniformWeight uniform;
    private final @Nullable TernaryWeight packed;
    private final @Nullable Tensor offsets;
    private boolean isCoded;

    private LevelWeight(UniformWeight uniform, @Nullable TernaryWeight packed, @Nullable Tensor offsets) {
        this.uniform = uniform;
        this.packed = packed;
        this.offsets = offsets;
    }

    /** Room for a weight; the contents are undefined. */
    static LevelWeight allocate(Allocator allocator, long outputs, long inputs, QuantLevels levels, Granularity granularity,
            boolean hasOffsets) {
        UniformWeight uniform = UniformWeight.allocate(allocator, outputs, inputs, granularity.groups(outputs, inputs));
        boolean ternary = levels.equals(QuantLevels.ternary()) && granularity == Granularity.TENSOR && !hasOffsets;
        return new LevelWeight(uniform,
                ternary ? new TernaryWeight(Tensor.allocate(allocator, DType.CODES, outputs, inputs), uniform.scales()) : null,
                hasOffsets ? Tensor.allocate(allocator, DType.F32, uniform.scales().size()) : null);
    }

    /** Computes codes and values of {@code latent} with the {@linkplain #scales scales} and {@linkplain #offsets offsets} of this weight. */
    void fill(Backend backend, FakeQuantRule rule, Tensor latent) {
        long groups = scales().size();
        backend.fakeQuantForward(rule, groups, groups == 0 ? 0 : latent.size() / groups, latent.segment(), scales().segment(),
                offsets == null ? null : offsets.segment(), uniform.values().segment(), uniform.codes().segment(), null);
        isCoded = rule.isHard();
        if (packed != null && isCoded) {
            backend.ternaryPack(uniform.codes().segment(), outputs(), inputs(), packed.codes().segment());
        }
    }

    /** What is added to the levels of each group, like {@link #scales}; null for 0. */
    public @Nullable Tensor offsets() {
        return offsets;
    }

    /** The packed codes, null unless this weight is ternary with one scale and its rule gives codes alone. */
    public @Nullable TernaryWeight ternary() {
        return isCoded ? packed : null;
    }

    @Override
    public long outputs() {
        return uniform.outputs();
    }

    @Override
    public long inputs() {
        return uniform.inputs();
    }

    @Override
    public Tensor codes() {
        return uniform.codes();
    }

    @Override
    public Tensor scales() {
        return uniform.scales();
    }

    @Override
    public boolean hasIntegerProduct() {
        return ternary() != null;
    }

    @Override
    public void multiply(Backend backend, QuantizedRows x, @Nullable Tensor bias, @Nullable Tensor residual, Tensor y) {
        TernaryWeight weight = ternary();
        if (weight == null) {
            throw new UnsupportedOperationException("only ternary weights with one scale have an integer product");
        }
        weight.multiply(backend, x, bias, residual, y);
    }

    @Override
    public void multiply(Backend backend, Tensor x, @Nullable Tensor bias, Tensor y) {
        uniform.multiply(backend, x, bias, y);
    }

    @Override
    public boolean inputGradient(Backend backend, Tensor dy, float beta, Tensor dx) {
        TernaryWeight weight = ternary();
        return weight != null && weight.inputGradient(backend, dy, beta, dx);
    }

    @Override
    public Tensor values() {
        return uniform.values();
    }

    @Override
    public void expand(Backend backend, Tensor out) {
        uniform.expand(backend, out);
    }
}
