package org.setun.nn;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;

/**
 * A weight matrix [outputs][inputs] as codes and scales, in the layout of the kernels. All products compute
 * {@code y} F32[n][outputs] {@code = x * W^T + bias}.
 */
public interface QuantizedWeight {

    long outputs();

    long inputs();

    /** The packed codes. */
    Tensor codes();

    /** What the codes are multiplied with. */
    Tensor scales();

    /** True if there is a product with quantized activations; else they are dequantized first. */
    default boolean hasIntegerProduct() {
        return true;
    }

    /**
     * The product with quantized activations, if there {@linkplain #hasIntegerProduct is one}, plus {@code residual} F32[n][outputs] if
     * given, which may be {@code y} itself.
     */
    void multiply(Backend backend, QuantizedRows x, @Nullable Tensor bias, @Nullable Tensor residual, Tensor y);

    /** The product with {@code x} F32[n][inputs]. */
    void multiply(Backend backend, Tensor x, @Nullable Tensor bias, Tensor y);

    /**
     * The gradient of a product's input, {@code dx} F32[n][inputs] {@code = dy * W + beta * dx} with {@code dy} F32[n][outputs] rounded to
     * bf16, straight from the codes.
     *
     * @return false, and nothing is written, if there is no such kernel: the weight is expanded then
     */
    default boolean inputGradient(Backend backend, Tensor dy, float beta, Tensor dx) {
        return false;
    }

    /** The values that the codes stand for, F32[outputs][inputs], if they are kept beside them, else null: {@link #expand} makes them. */
    default @Nullable Tensor values() {
        return null;
    }

    /** Writes the values that the codes stand for to {@code out} F32[outputs][inputs]. */
    void expand(Backend backend, Tensor out);
}
