package org.setun.nn;

import java.util.List;

/** Sees what linear layers are given, for statistics of activations: see {@link Tape#observe}. */
@FunctionalInterface
public interface LinearObserver {

    /**
     * Called before the layers run.
     *
     * @param layers that share the input, one or more
     * @param x      F32[n][inputs], before any quantization; valid during the call, not to be changed
     */
    void observe(List<? extends Linear> layers, Tensor x);
}
