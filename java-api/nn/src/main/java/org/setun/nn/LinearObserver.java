package org.setun.nn;

import java.util.List;

/** Sees what linear layers are given and what they return, for statistics of activations: see {@link Tape#observe}. */
@FunctionalInterface
public interface LinearObserver {

    /**
     * Called before the layers run.
     *
     * @param layers that share the input, one or more
     * @param x      F32[n][inputs], before any quantization; valid during the call, not to be changed
     */
    void observe(List<? extends Linear> layers, Tensor x);

    /**
     * Called after the layers ran.
     *
     * @param layers  that share the input, one or more
     * @param outputs F32[n][m] of each, a residual included; live as long as the tape's step, not to be changed
     */
    default void observeOutputs(List<? extends Linear> layers, Tensor[] outputs) {
    }
}
