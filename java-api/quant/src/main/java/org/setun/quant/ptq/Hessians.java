package org.setun.quant.ptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.setun.quant.calibration.CalibrationFile;
import org.setun.quant.calibration.InputStatistics;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.rounding.Hessian;

/** The Hessians of a calibration file, one at a time, in the basis in which a matrix is stored. One serves all that read the same input. */
final class Hessians implements AutoCloseable {

    private final CalibrationFile calibration;
    private String key = "";
    private @Nullable Hessian current;
    private @Nullable Arena arena;

    Hessians(CalibrationFile calibration) {
        this.calibration = calibration;
    }

    /** The input that a matrix reads. */
    InputStatistics input(PlannedTensor tensor) {
        InputStatistics input = calibration.input(tensor.name()).orElseThrow(() -> missing(tensor));
        if (input.columns() != tensor.columns()) {
            throw new IllegalArgumentException("calibration has " + input.columns() + " inputs for " + tensor.name() + ", which has "
                    + tensor.columns() + ": it was made of another model");
        }
        return input;
    }

    /** Refuses a matrix that {@link #of} would refuse, without reading its Hessian. */
    void require(PlannedTensor tensor) {
        input(tensor);
        if (!calibration.hasHessian(tensor.name())) {
            throw missing(tensor);
        }
    }

    /**
     * The Hessian of a matrix, good until the next one is asked for.
     *
     * @param transform what the matrix was multiplied with; null for nothing
     * @throws IllegalArgumentException if the calibration has none for it, or one of another size
     */
    Hessian of(PlannedTensor tensor, @Nullable IncoherenceTransform transform) {
        String wanted = input(tensor).name() + "|" + tensor.rotation().map(StoredRotation::toString).orElse("");
        if (current == null || !wanted.equals(key)) {
            close();
            float[] values = calibration.hessian(tensor.name()).orElseThrow(() -> missing(tensor));
            arena = Arena.ofShared();
            MemorySegment matrix = arena.allocate(4L * values.length, 64);
            MemorySegment.copy(values, 0, matrix, ValueLayout.JAVA_FLOAT, 0, values.length);
            if (transform != null) {
                transform.rotateHessian(matrix);
            }
            current = new Hessian(matrix, tensor.columns());
            key = wanted;
        }
        return current;
    }

    private static IllegalArgumentException missing(PlannedTensor tensor) {
        return new IllegalArgumentException("calibration has no Hessian for " + tensor.name()
                + ": make one of this model with setun calibrate, or keep the tensor where rounding to nearest does (--keep '"
                + tensor.name() + "=f16')");
    }

    /** Frees the one that was asked for last. */
    @Override
    public void close() {
        if (arena != null) {
            arena.close();
            arena = null;
            current = null;
        }
    }
}
