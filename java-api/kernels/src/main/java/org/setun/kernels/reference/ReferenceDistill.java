package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps.Divergence;

import static org.setun.kernels.reference.Segments.f32;

/** Distances of softmax distributions and their gradients, in fp64, rounded once. */
final class ReferenceDistill {

    private ReferenceDistill() {
    }

    static void distill(Divergence divergence, float temperature, MemorySegment student, MemorySegment teacher,
            @Nullable MemorySegment weights, long n, long vocab, MemorySegment loss, @Nullable MemorySegment dstudent, float gradScale) {
        for (long i = 0; weights != null && i < n; i++) {
            if (!(f32(weights, i) >= 0 && f32(weights, i) < Float.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("weights[" + i + "] = " + f32(weights, i) + " must be finite and not negative");
            }
        }
        for (long i = 0; i < n; i++) {
            double weight = weights == null ? 1 : f32(weights, i);
            if (weight == 0) {
                f32(loss, i, 0);
                for (long j = 0; dstudent != null && j < vocab; j++) {
                    f32(dstudent, i * vocab + j, 0);
                }
                continue;
            }
            double[] logQ = logSoftmax(Segments.floats(student, i * vocab, vocab), temperature);
            double[] logP = logSoftmax(Segments.floats(teacher, i * vocab, vocab), temperature);
            double sum = 0;
            double[] slope = new double[logQ.length]; // of the distance in q
            double mean = 0;
            for (int j = 0; j < slope.length; j++) {
                double q = Math.exp(logQ[j]);
                sum += distance(divergence, logP[j], logQ[j]);
                slope[j] = q == 0 ? 0 : slope(divergence, logP[j], logQ[j]);
                mean += q * slope[j];
            }
            f32(loss, i, (float) (weight * temperature * temperature * sum));
            for (int j = 0; dstudent != null && j < slope.length; j++) {
                double q = Math.exp(logQ[j]);
                double gradient = divergence == Divergence.FORWARD ? q - Math.exp(logP[j]) : q * (slope[j] - mean);
                f32(dstudent, i * vocab + j, (float) (weight * gradScale * temperature * gradient));
            }
        }
    }

    private static double distance(Divergence divergence, double logP, double logQ) {
        double p = Math.exp(logP);
        double q = Math.exp(logQ);
        return switch (divergence) {
            case FORWARD -> p == 0 ? 0 : p * (logP - logQ);
            case REVERSE -> q == 0 ? 0 : q * (logQ - logP);
            case JENSEN -> (p == 0 ? 0 : p * Math.log(p / ((p + q) / 2)) / 2) + (q == 0 ? 0 : q * Math.log(q / ((p + q) / 2)) / 2);
        };
    }

    /** The derivative of the distance in q, up to a constant, which the softmax takes away. */
    private static double slope(Divergence divergence, double logP, double logQ) {
        double q = Math.exp(logQ);
        return switch (divergence) {
            case FORWARD -> -Math.exp(logP) / q;
            case REVERSE -> logQ - logP;
            case JENSEN -> Math.log(q / ((Math.exp(logP) + q) / 2)) / 2;
        };
    }

    private static double[] logSoftmax(float[] row, double temperature) {
        double max = Double.NEGATIVE_INFINITY;
        for (float value : row) {
            max = Math.max(max, value);
        }
        double sum = 0;
        for (float value : row) {
            sum += Math.exp((value - max) / temperature);
        }
        double[] logs = new double[row.length];
        for (int j = 0; j < logs.length; j++) {
            logs[j] = (row[j] - max) / temperature - Math.log(sum);
        }
        return logs;
    }
}
