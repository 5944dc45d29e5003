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
 *
 * @param uniform codes, scales and values
 * @param packed  the same codes for the ternary kernels, or null where products must use the values
 */
record LevelWeight(UniformWeight uniform, @Nullable TernaryWeight packed) implements QuantizedWeight {

    /** Room for a weight of a rule. */
    static LevelWeight allocate(Allocator allocator, long outputs, long inputs, FakeQuantRule rule, Granularity granularity) {
        long group = granularity.group(outputs, inputs);
        UniformWeight uniform = UniformWeight.allocate(allocator, outputs, inputs, group == 0 ? 0 : outputs * inputs / group);
        boolean ternary = rule.isHard() && rule.levels().equals(QuantLevels.ternary()) && granularity == Granularity.TENSOR;
        return new LevelWeight(uniform,
                ternary ? new TernaryWeight(Tensor.allocate(allocator, DType.CODES, outputs, inputs), uniform.scales()) : null);
    }

    /** Computes codes and values of {@code latent}. */
    void fill(Backend backend, FakeQuantRule rule, Tensor latent, Tensor scales) {
        long groups = scales.size();
        backend.fakeQuantForward(rule, groups, groups == 0 ? 0 : latent.size() / groups, latent.segment(), scales.segment(), null,
                uniform.values().segment(), uniform.codes().segment(), null);
        if (packed != null) {
            backend.ternaryPack(uniform.codes().segment(), outputs(), inputs(), packed.codes().segment());
        }
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
        return packed != null;
    }

    @Override
    public void multiply(Backend backend, QuantizedRows x, @Nullable Tensor bias, @Nullable Tensor residual, Tensor y) {
        if (packed == null) {
            throw new UnsupportedOperationException("only ternary weights with one scale have an integer product");
        }
        packed.multiply(backend, x, bias, residual, y);
    }

    @Override
    public void multiply(Backend backend, Tensor x, @Nullable Tensor bias, Tensor y) {
        uniform.multiply(backend, x, bias, y);
    }

    @Override
    public boolean inputGradient(Backend backend, Tensor dy, float beta, Tensor dx) {
        return packed != null && packed.inputGradient(backend, dy, beta, dx);
    }

    @Override
    public void expand(Backend backend, Tensor out) {
        uniform.expand(backend, out);
    }
}
