package org.setun.quant.ptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.quant.calibration.CalibrationFile;
import org.setun.quant.calibration.InputStatistics;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.rounding.FeedbackOptions;
import org.setun.quant.rounding.FeedbackRounding;
import org.setun.quant.rounding.Hessian;
import org.setun.quant.rounding.Workers;

/**
 * GPTQ and LDLQ with the Hessians of a calibration file. What is prepared for one input serves all matrices that read it one after
 * another: queries,
 * keys and values, gate and up.
 */
final class AdaptiveRounding implements AutoCloseable {

    private final CalibrationFile calibration;
    private final Backend backend;
    private String key = "";
    private @Nullable FeedbackRounding prepared;

    AdaptiveRounding(CalibrationFile calibration, Backend backend) {
        this.calibration = calibration;
        this.backend = backend;
    }

    /**
     * The rounding of a matrix, good until the next one is asked for.
     *
     * @param transform what the matrix was multiplied with; null for nothing
     * @throws IllegalArgumentException if the calibration has no Hessian for it, or one of another size
     */
    FeedbackRounding of(PlannedTensor tensor, WeightFormat format, @Nullable IncoherenceTransform transform, Executor pool, int threads) {
        InputStatistics input = calibration.input(tensor.name()).orElseThrow(() -> missing(tensor));
        if (input.columns() != tensor.columns()) {
            throw new IllegalArgumentException("calibration has " + input.columns() + " inputs for " + tensor.name() + ", which has "
                    + tensor.columns() + ": it was made of another model");
        }
        String wanted = String.join("|", input.name(), format.name(), tensor.rounding().name(),
                tensor.rotation().map(StoredRotation::toString).orElse(""));
        if (prepared == null || !wanted.equals(key)) {
            close();
            prepared = prepare(tensor, format, transform, threads == 1 ? Workers.caller() : new Workers(pool, threads));
            key = wanted;
        }
        return prepared;
    }

    private FeedbackRounding prepare(PlannedTensor tensor, WeightFormat format, @Nullable IncoherenceTransform transform, Workers workers) {
        float[] values = calibration.hessian(tensor.name()).orElseThrow(() -> missing(tensor));
        try (Arena arena = Arena.ofShared()) {
            MemorySegment matrix = arena.allocate(4L * values.length, 64);
            MemorySegment.copy(values, 0, matrix, ValueLayout.JAVA_FLOAT, 0, values.length);
            if (transform != null) {
                transform.rotateHessian(matrix);
            }
            Hessian hessian = new Hessian(matrix, tensor.columns());
            return tensor.rounding() == RoundingMethod.GPTQ
                    ? FeedbackRounding.gptq(backend, format, hessian, FeedbackOptions.GPTQ, workers)
                    : FeedbackRounding.ldlq(backend, format, hessian, FeedbackOptions.LDLQ, workers);
        }
    }

    private static IllegalArgumentException missing(PlannedTensor tensor) {
        return new IllegalArgumentException("calibration has no Hessian for " + tensor.name()
                + ": make one of this model with setun calibrate, or keep the tensor in another type");
    }

    @Override
    public void close() {
        if (prepared != null) {
            prepared.close();
            prepared = null;
        }
    }
}
