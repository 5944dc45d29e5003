package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.NnOps.Rope;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.i32;

/** Network kernels; sums and transcendental functions in fp64, rounded once, but where {@link FixedMath} promises bits. Attention: {@link ReferenceAttention}. */
final class ReferenceNn {

    private ReferenceNn() {
    }

    static void embeddingForward(MemorySegment ids, long n, MemorySegment table, long vocab, long d, MemorySegment y) {
        Segments.requireRange("ids", ids, n, 0, vocab);
        for (long i = 0; i < n; i++) {
            MemorySegment.copy(table, 4 * d * i32(ids, i), y, 4 * d * i, 4 * d);
        }
    }

    static void embeddingBackward(MemorySegment ids, long n, MemorySegment dy, long vocab, long d, MemorySegment dtable) {
        Segments.requireRange("ids", ids, n, 0, vocab);
        for (long i = 0; i < n; i++) {
            for (long j = 0; j < d; j++) {
                long at = i32(ids, i) * d + j;
                f32(dtable, at, f32(dtable, at) + f32(dy, i * d + j));
            }
        }
    }

    /** y = x * w * rstd with rstd = 1 / sqrt(mean(x^2) + eps) (arXiv 1910.07467). */
    static void rmsNormForward(MemorySegment x, MemorySegment w, long n, long d, float eps, MemorySegment y, @Nullable MemorySegment rstd) {
        float[] gain = Segments.floats(w, 0, d);
        for (long i = 0; i < n; i++) {
            float[] row = Segments.floats(x, i * d, d);
            float r = FixedMath.rstd(row, eps);
            Segments.floats(FixedMath.normalized(row, gain, r), y, i * d);
            if (rstd != null) {
                f32(rstd, i, r);
            }
        }
    }

    /** dx = rstd * (w*dy - x * rstd^2 * mean(x*w*dy)); dw += sum over rows of dy * x * rstd. */
    static void rmsNormBackward(MemorySegment x, MemorySegment w, MemorySegment rstd, MemorySegment dy, long n, long d, MemorySegment dx,
            boolean accumulate, @Nullable MemorySegment dw) {
        double[] weightGradient = new double[Math.toIntExact(d)];
        for (long i = 0; i < n; i++) {
            double r = f32(rstd, i);
            double dot = 0;
            for (long j = 0; j < d; j++) {
                dot += (double) f32(x, i * d + j) * f32(w, j) * f32(dy, i * d + j);
            }
            for (int j = 0; j < d; j++) {
                long at = i * d + j;
                double value = f32(x, at);
                double gradient = f32(dy, at);
                weightGradient[j] += gradient * value * r;
                double result = r * (f32(w, j) * gradient - value * r * r * dot / d);
                f32(dx, at, (float) (accumulate ? f32(dx, at) + result : result));
            }
        }
        for (int j = 0; dw != null && j < d; j++) {
            f32(dw, j, (float) (f32(dw, j) + weightGradient[j]));
        }
    }

    /** Rotates pair i of each head by position * theta^(-2i/headDim) (RoFormer, arXiv 2104.09864). */
    static void rope(MemorySegment x, long n, long heads, long headDim, long ldx, MemorySegment positions, float theta, Rope convention,
            boolean inverse) {
        Segments.requireRange("positions", positions, n, 0, 1L << 31);
        for (long t = 0; t < n; t++) {
            for (long i = 0; i < headDim / 2; i++) {
                double angle = i32(positions, t) * Math.pow(theta, -2.0 * i / headDim);
                double cos = Math.cos(angle);
                double sin = inverse ? -Math.sin(angle) : Math.sin(angle);
                for (long h = 0; h < heads; h++) {
                    long head = t * ldx + h * headDim;
                    long first = convention == Rope.INTERLEAVED ? head + 2 * i : head + i;
                    long second = convention == Rope.INTERLEAVED ? first + 1 : first + headDim / 2;
                    double a = f32(x, first);
                    double b = f32(x, second);
                    f32(x, first, (float) (a * cos - b * sin));
                    f32(x, second, (float) (a * sin + b * cos));
                }
            }
        }
    }

    static void gluForward(Glu kind, MemorySegment gate, MemorySegment up, long count, MemorySegment y) {
        for (long i = 0; i < count; i++) {
            f32(y, i, FixedMath.glu(kind, f32(gate, i), f32(up, i)));
        }
    }

    static void gluBackward(Glu kind, MemorySegment gate, MemorySegment up, MemorySegment dy, long count, MemorySegment dgate,
            MemorySegment dup) {
        for (long i = 0; i < count; i++) {
            double g = f32(gate, i);
            double gradient = f32(dy, i);
            double s = sigmoid(g);
            double activation = switch (kind) {
                case SILU -> g * s;
                case RELU2 -> Math.max(g, 0) * Math.max(g, 0);
            };
            double slope = switch (kind) {
                case SILU -> s * (1 + g * (1 - s));
                case RELU2 -> 2 * Math.max(g, 0);
            };
            double gateGradient = gradient * f32(up, i) * slope;
            f32(dup, i, (float) (gradient * activation));
            f32(dgate, i, (float) gateGradient);
        }
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    static void reluForward(MemorySegment x, long count, MemorySegment y) {
        for (long i = 0; i < count; i++) {
            f32(y, i, Math.max(f32(x, i), 0)); // NaN stays NaN
        }
    }

    static void reluBackward(MemorySegment x, MemorySegment dy, long count, MemorySegment dx) {
        for (long i = 0; i < count; i++) {
            f32(dx, i, f32(x, i) > 0 ? f32(dy, i) : 0);
        }
    }

    static void axpby(float a, MemorySegment x, float b, MemorySegment y, long count) {
        for (long i = 0; i < count; i++) {
            f32(y, i, b == 0 ? a * f32(x, i) : a * f32(x, i) + b * f32(y, i));
        }
    }

    static void fill(MemorySegment x, long count, float value) {
        for (long i = 0; i < count; i++) {
            f32(x, i, value);
        }
    }

    static void biasForward(MemorySegment bias, long n, long d, MemorySegment y) {
        for (long i = 0; i < n; i++) {
            for (long j = 0; j < d; j++) {
                f32(y, i * d + j, f32(y, i * d + j) + f32(bias, j));
            }
        }
    }

    static void biasBackward(MemorySegment dy, long n, long d, MemorySegment dbias) {
        for (long j = 0; j < d; j++) {
            double sum = 0;
            for (long i = 0; i < n; i++) {
                sum += f32(dy, i * d + j);
            }
            f32(dbias, j, (float) (f32(dbias, j) + sum));
        }
    }

    static void crossEntropy(MemorySegment logits, MemorySegment targets, long n, long vocab, MemorySegment loss,
            @Nullable MemorySegment dlogits, float gradScale, float labelSmoothing) {
        Segments.requireRange("targets", targets, n, -1, vocab);
        double smoothing = labelSmoothing;
        for (long i = 0; i < n; i++) {
            float[] row = Segments.floats(logits, i * vocab, vocab);
            int target = i32(targets, i);
            double lse = logSumExp(row);
            f32(loss, i, target < 0 ? 0 : (float) (lse - (1 - smoothing) * row[target] - (smoothing == 0 ? 0 : smoothing * mean(row))));
            for (int j = 0; dlogits != null && j < row.length; j++) {
                double gradient = Math.exp(row[j] - lse) - smoothing / vocab - (j == target ? 1 - smoothing : 0);
                f32(dlogits, i * vocab + j, target < 0 ? 0 : (float) (gradient * gradScale));
            }
        }
    }

    private static double mean(float[] row) {
        double sum = 0;
        for (float value : row) {
            sum += value;
        }
        return sum / row.length;
    }

    private static double logSumExp(float[] row) {
        double max = Double.NEGATIVE_INFINITY;
        for (float value : row) {
            max = Math.max(max, value);
        }
        double sum = 0;
        for (float value : row) {
            sum += Math.exp(value - max);
        }
        return max + Math.log(sum);
    }
}
