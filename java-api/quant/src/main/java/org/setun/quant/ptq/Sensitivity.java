package org.setun.quant.ptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Backend;
import org.setun.quant.rounding.Hessian;

/**
 * What errors in the rows of a matrix cost, in units that can be compared between matrices: the expected square of what they change at its
 * output, if something is known of its inputs.
 */
@FunctionalInterface
interface Sensitivity {

    /**
     * The cost of errors f32[rows][columns], row-major; for few digits, not bit-exact. NaN or infinite if an error is.
     */
    double loss(float[] errors);

    /** Nothing is known of the inputs: the energy of the errors. */
    static Sensitivity energy() {
        return errors -> {
            double loss = 0;
            for (float error : errors) {
                loss += (double) error * error;
            }
            return loss;
        };
    }

    /** The mean square of each input is known, not how they go together: as if they were independent and of mean zero. */
    static Sensitivity meanSquares(double[] squares) {
        return errors -> {
            double loss = 0;
            for (int i = 0; i < errors.length; i++) {
                loss += squares[i % squares.length] * errors[i] * errors[i];
            }
            return loss;
        };
    }

    /** tr(E H Eᵀ), of a Hessian that must be alive. */
    static Sensitivity hessian(Backend backend, Hessian hessian) {
        return errors -> {
            try (Arena arena = Arena.ofShared()) {
                MemorySegment e = arena.allocate(4L * errors.length, 64);
                MemorySegment.copy(errors, 0, e, ValueLayout.JAVA_FLOAT, 0, errors.length);
                return hessian.loss(backend, e);
            }
        };
    }
}
