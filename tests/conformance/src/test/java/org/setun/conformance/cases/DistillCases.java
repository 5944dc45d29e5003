package org.setun.conformance.cases;

import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.NnOps.Divergence;
import org.setun.testsupport.OffHeap;

/** Distances of softmax distributions. */
final class DistillCases {

    private DistillCases() {
    }

    /** The last extent: twice the divergence, plus 1 for large logits, row weights and a gradient. */
    static Case distill(int[] e, Filler filler) {
        long n = e[0];
        int vocab = e[1] + 1;
        Divergence divergence = Divergence.values()[e[2] / 2 % 3];
        boolean all = e[2] % 2 == 1;
        float temperature = all ? 2.5f : 1;
        float[] student = OffHeap.toFloats(filler.floats(n * vocab));
        float[] teacher = OffHeap.toFloats(filler.floats(n * vocab));
        for (int i = 0; i < student.length && all; i++) {
            student[i] *= 30;
            teacher[i] *= 30;
        }
        float[] weight = new float[(int) n];
        for (int i = 0; i < n; i++) {
            weight[i] = all ? i % 4 * 0.5f : 1;
        }
        Expected expected = new Expected(divergence, temperature, student, teacher, vocab);
        double c = vocab / 16.0 + 100;
        Bound loss = (i, value) -> weight[i] == 0 ? 0 : weight[i] * temperature * temperature * Bounds.sum(c, 1 + expected.magnitude(i));
        Bound gradient = (i, value) -> {
            double outer = weight[i / vocab] * 0.125 * temperature;
            return outer == 0 ? 0 : outer * Bounds.sum(c, expected.gradientMagnitude(i));
        };
        Case made = new Case("distill").scalar("n", n).scalar("vocab", (long) vocab).scalar("divergence", (long) divergence.ordinal())
                .scalar("temperature", temperature).scalar("grad_scale", 0.125f).in("student", Type.F32, OffHeap.of(student))
                .in("teacher", Type.F32, OffHeap.of(teacher)).out("loss", n, loss);
        if (all) {
            made.in("weights", Type.F32, OffHeap.of(weight)).out("dstudent", n * vocab, gradient);
        }
        return made.call((b, s) -> b.distill(divergence, temperature, s.get("student"), s.get("teacher"), s.get("weights"), n, vocab,
                s.get("loss"), s.get("dstudent"), 0.125f));
    }

    /** The quantities of the bounds in docs/numerics.md. */
    private static final class Expected {

        private final Divergence divergence;
        private final double[] logQ;
        private final double[] logP;
        private final int vocab;

        Expected(Divergence divergence, double temperature, float[] student, float[] teacher, int vocab) {
            this.divergence = divergence;
            this.vocab = vocab;
            logQ = logSoftmax(student, temperature);
            logP = logSoftmax(teacher, temperature);
        }

        private double[] logSoftmax(float[] logits, double temperature) {
            double[] logs = new double[logits.length];
            for (int row = 0; row < logits.length; row += vocab) {
                double sum = 0;
                double high = Double.NEGATIVE_INFINITY;
                for (int j = row; j < row + vocab; j++) {
                    high = Math.max(high, logits[j]);
                }
                for (int j = row; j < row + vocab; j++) {
                    sum += Math.exp((logits[j] - high) / temperature);
                }
                for (int j = row; j < row + vocab; j++) {
                    logs[j] = (logits[j] - high) / temperature - Math.log(sum);
                }
            }
            return logs;
        }

        /** M of row {@code i}. */
        double magnitude(int i) {
            double sum = 0;
            for (int j = i * vocab; j < (i + 1) * vocab; j++) {
                double p = Math.exp(logP[j]);
                double q = Math.exp(logQ[j]);
                double share = switch (divergence) {
                    case FORWARD -> p;
                    case REVERSE -> q;
                    case JENSEN -> (p + q) / 2;
                };
                sum += share * (Math.abs(logP[j]) + Math.abs(logQ[j]));
            }
            return sum;
        }

        private double slope(int at) {
            return divergence == Divergence.REVERSE
                    ? logQ[at] - logP[at]
                    : (logQ[at] - Math.log((Math.exp(logP[at]) + Math.exp(logQ[at])) / 2)) / 2;
        }

        double gradientMagnitude(int at) {
            double p = Math.exp(logP[at]);
            double q = Math.exp(logQ[at]);
            if (divergence == Divergence.FORWARD) {
                return q * (1 + Math.abs(logQ[at])) + p * (1 + Math.abs(logP[at]));
            }
            int row = at / vocab;
            double mean = 0;
            for (int j = row * vocab; j < (row + 1) * vocab; j++) {
                mean += Math.exp(logQ[j]) == 0 ? 0 : Math.exp(logQ[j]) * slope(j);
            }
            return q == 0
                    ? 0
                    : q * ((1 + Math.abs(logQ[at])) * (1 + Math.abs(slope(at)) + Math.abs(mean)) + Math.abs(logP[at]) + magnitude(row));
        }
    }
}
