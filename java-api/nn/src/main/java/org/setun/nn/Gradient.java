package org.setun.nn;

/** A gradient on its way through the tape. One tensor may be the gradient of several tensors as long as nobody writes to it. */
final class Gradient {

    final Tensor tensor;
    /** False for memory that the tape must neither write to nor recycle. */
    final boolean borrowed;
    int holders;

    Gradient(Tensor tensor, boolean borrowed) {
        this.tensor = tensor;
        this.borrowed = borrowed;
    }

    /** True if the one holder may overwrite it. */
    boolean isExclusive() {
        return borrowed && holders <= 1;
    }
}
