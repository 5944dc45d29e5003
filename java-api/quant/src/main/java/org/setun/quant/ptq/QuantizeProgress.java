package org.setun.quant.ptq;

/** Hears how far a job is; called by the thread that runs it. */
@FunctionalInterface
public interface QuantizeProgress {

    /**
     * Some more is done.
     *
     * @param step  what is being done: {@code hash input}, or the name of a tensor
     * @param done  bytes of the input, or values of all tensors
     * @param total of {@code done}
     */
    void at(String step, long done, long total);
}
