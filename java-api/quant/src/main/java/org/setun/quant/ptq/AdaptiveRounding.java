package org.setun.quant.ptq;

import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
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

    private final Hessians hessians;
    private final Backend backend;
    private String key = "";
    private @Nullable FeedbackRounding prepared;

    AdaptiveRounding(Hessians hessians, Backend backend) {
        this.hessians = hessians;
        this.backend = backend;
    }

    /**
     * The rounding of a matrix, good until the next one is asked for.
     *
     * @param transform what the matrix was multiplied with; null for nothing
     * @throws IllegalArgumentException if the calibration has no Hessian for it, or one of another size
     */
    FeedbackRounding of(PlannedTensor tensor, WeightFormat format, @Nullable IncoherenceTransform transform, Executor pool, int threads) {
        String wanted = String.join("|", hessians.input(tensor).name(), format.name(), tensor.rounding().name(),
                tensor.rotation().map(StoredRotation::toString).orElse(""));
        if (prepared == null || !wanted.equals(key)) {
            close();
            prepared = prepare(tensor, format, transform, threads == 1 ? Workers.caller() : new Workers(pool, threads));
            key = wanted;
        }
        return prepared;
    }

    private FeedbackRounding prepare(PlannedTensor tensor, WeightFormat format, @Nullable IncoherenceTransform transform, Workers workers) {
        try (hessians) {
            Hessian hessian = hessians.of(tensor, transform);
            return tensor.rounding() == RoundingMethod.GPTQ
                    ? FeedbackRounding.gptq(backend, format, hessian, FeedbackOptions.GPTQ, workers)
                    : FeedbackRounding.ldlq(backend, format, hessian, FeedbackOptions.LDLQ, workers);
        }
    }

    @Override
    public void close() {
        if (prepared != null) {
            prepared.close();
            prepared = null;
        }
    }
}
