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
    private final @Nullable Allocator packing;
    private final @Nullable Tensor offsets;
    private @Nullable TernaryWeight packed;
    private boolean isPacked;

    private LevelWeight(UniformWeight uniform, @Nullable Allocator packing, @Nullable Tensor offsets) {
        this.uniform = uniform;
        this.packing = packing;
        this.offsets = offsets;
    }

    /** Room for a weight; the contents are undefined. Packed codes get theirs when they are first made: schedules may begin with more levels. */
    static LevelWeight allocate(Allocator allocator, long outputs, long inputs, Granularity granularity, boolean hasOffsets) {
        UniformWeight uniform = UniformWeight.allocate(allocator, outputs, inputs, granularity.groups(outputs, inputs));
        return new LevelWeight(uniform, granularity == Granularity.TENSOR && !hasOffsets ? allocator : null,
                hasOffsets ? Tensor.allocate(allocator, DType.F32, uniform.scales().size()) : null);
    }

    /** Computes codes and values of {@code latent} with the {@linkplain #scales scales} and {@linkplain #offsets offsets} of this weight. */
    void fill(Backend backend, FakeQuantRule rule, Tensor latent) {
        long groups = scales().size();
        backend.fakeQuantForward(rule, groups, groups == 0 ? 0 : latent.size() / groups, latent.segment(), scales().segment(),
                offsets == null ? null : offsets.segment(), uniform.values().segment(), uniform.codes().segment(), null);
        isPacked = packing != null && rule.isHard() && rule.levels().equals(QuantLevels.ternary());
        if (packing != null && isPacked) {
            if (packed == null) {
                packed = new TernaryWeight(Tensor.allocate(packing, DType.CODES, outputs(), inputs()), uniform.scales());
            }
            backend.ternaryPack(uniform.codes().segment(), outputs(), inputs(), packed.codes().segment());
        }
    }

    /** What is added to the levels of each group, like {@link #scales}; null for 0. */
    public @Nullable Tensor offsets() {
        return offsets;
    }

    /** The packed codes, null unless this weight is ternary with one scale and its rule gives codes alone. */
    public @Nullable TernaryWeight ternary() {
        return isPacked ? packed : null;
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
