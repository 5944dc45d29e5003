package org.setun.cli.bench;

/** A kernel that is timed: one class, and one line in {@link Kernels#ALL}. */
interface Kernel {

    /** As {@code --kernel} and the rows call it. */
    String name();

    /** False where the kernel is not meant for {@code n} activation rows. */
    default boolean takes(long n) {
        return true;
    }

    /** False if its operands do not depend on {@code n}: it is then timed once for each shape. */
    default boolean dependsOnRows() {
        return true;
    }

    /**
     * Makes the operands and checks a result.
     *
     * @param setBytes the calls are to walk through at least as much; 0: always the same operands
     * @throws IllegalStateException if a result is wrong
     */
    Work prepare(Operands operands, Shape shape, long n, long setBytes);
}
