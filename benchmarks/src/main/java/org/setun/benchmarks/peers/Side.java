package org.setun.benchmarks.peers;

/** One side of a comparison: fp32 activations in, fp32 results out, the quantization of the activations included. */
@FunctionalInterface
interface Side {

    /** Runs the whole product once, with the weights of that call: cold cases walk through many copies. */
    void call(int index);
}
