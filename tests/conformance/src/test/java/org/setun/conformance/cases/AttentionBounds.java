package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.setun.kernels.NnOps.Attention;
import org.setun.kernels.NnOps.Precision;
import org.setun.testsupport.OffHeap;

/**
 * Error bounds of attention, following the roundings from the scores to each output (docs/numerics.md). With d the head size, s the keys
 * that a query sees, u = 2^-24: a score errs by e = (d+2) u scale sum|q k|; a weight p relatively by w = 2 max e + (s + 12) u; the rest
 * are sums of such terms. In bf16 two operands of a product bring 2r + r^2, r = 2^-8, and an exponential 2^-18. Where an input is not finite, results that do not depend on it are unbounded too: kernels multiply whole blocks,
 * masked weights of 0 included, so that a NaN may spread in its block.
 */
final class AttentionBounds {

    /** Bounds of the gradients, laid out as they are; 0 in gaps. */
    record Gradients(double[] dq, double[] dk, double[] dv) {
    }

    private static final double U = Bounds.U;

    /** What underflow may cost a term: bf16 products flush denormals. */
    private static final double TINY = 0x1p-124;

    private final Attention a;
    private final float[] q;
    private final float[] k;
    private final float[] v;
    private final int d;
    /** Relative error of a product of two rounded operands. */
    private final double rounding;
    private final double exponential;
    private final double[] out;
    private final double[] lse;

    AttentionBounds(Attention attention, MemorySegment q, MemorySegment k, MemorySegment v) {
        this.a = attention;
        this.q = OffHeap.toFloats(q);
        this.k = OffHeap.toFloats(k);
        this.v = OffHeap.toFloats(v);
        this.d = (int) a.headDim();
        boolean bf16 = a.precision() == Precision.BF16;
        this.rounding = bf16 ? 2 * 0x1p-8 + 0x1p-16 + 4 * U : 0;
        this.exponential = bf16 ? 0x1p-18 : 0;
        this.out = new double[(int) (a.batch() * a.queries() * a.heads() * d)];
        this.lse = new double[(int) (a.batch() * a.heads() * a.queries())];
        forEachQuery(this::forward);
        if (spoilt(this.q) || spoilt(this.k) || spoilt(this.v)) {
            Arrays.fill(out, Double.NaN);
            Arrays.fill(lse, Double.NaN);
        }
    }

    private static boolean spoilt(float[] values) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return true;
            }
        }
        return false;
    }

    double[] out() {
        return out;
    }

    double[] lse() {
        return lse;
    }

    Gradients gradients(MemorySegment outputs, MemorySegment logSums, MemorySegment outputGradient) {
        float[] o = OffHeap.toFloats(outputs);
        float[] l = OffHeap.toFloats(logSums);
        float[] g = OffHeap.toFloats(outputGradient);
        Gradients gradients = new Gradients(new double[q.length], new double[k.length], new double[v.length]);
        forEachQuery((batch, head, query) -> backward(batch, head, query, o, l, g, gradients));
        if (spoilt(q) || spoilt(k) || spoilt(v) || spoilt(g)) {
            Arrays.fill(gradients.dq, Double.NaN);
            Arrays.fill(gradients.dk, Double.NaN);
            Arrays.fill(gradients.dv, Double.NaN);
        }
        return gradients;
    }

    private void forward(int batch, int head, int query) {
        Row row = new Row(batch, head, query);
        double max = Double.NEGATIVE_INFINITY;
        for (double score : row.scores) {
            max = Math.max(max, score);
        }
        double sum = 0;
        for (double score : row.scores) {
            sum += Math.exp(score - max);
        }
        for (int j = 0; j < row.scores.length; j++) {
            double weight = Math.exp(row.scores[j] - max) / sum;
            for (int i = 0; i < d; i++) {
                double term = weight * Math.abs(v[row.key(j) + i]);
                out[row.output + i] += term * (2 * row.weightError() * (1 + rounding) + rounding + (row.scores.length + 4) * U) + TINY;
            }
        }
        lse[row.logSum] = row.weightError() + 4 * U * (Math.abs(max) + Math.log(sum)) + TINY;
    }

    private void backward(int batch, int head, int query, float[] o, float[] l, float[] g, Gradients bounds) {
        Row row = new Row(batch, head, query);
        double dot = 0;
        double magnitude = 0;
        for (int i = 0; i < d; i++) {
            dot += (double) g[row.output + i] * o[row.output + i];
            magnitude += Math.abs((double) g[row.output + i] * o[row.output + i]);
        }
        int terms = (int) (a.queries() * (a.heads() / a.kvHeads())) + row.scores.length + 8;
        for (int j = 0; j < row.scores.length; j++) {
            int key = row.key(j);
            double product = 0;
            double productMagnitude = 0;
            for (int i = 0; i < d; i++) {
                product += (double) g[row.output + i] * v[key + i];
                productMagnitude += Math.abs((double) g[row.output + i] * v[key + i]);
            }
            double weight = Math.exp(row.scores[j] - l[row.logSum]);
            double weightError = 2 * row.weightError() + 2 * U * Math.abs(l[row.logSum]) + U * Math.abs(row.scores[j]);
            double score = Math.abs(weight * (product - dot));
            double factorError = (d + 4) * U * (productMagnitude + magnitude) + rounding * productMagnitude;
            double scoreError = score * weightError + weight * (1 + weightError) * factorError;
            double total = a.scale() * (scoreError + (score + scoreError) * (rounding + terms * U));
            for (int i = 0; i < d; i++) {
                bounds.dq[row.query + i] += total * Math.abs(k[key + i]) + TINY;
                bounds.dk[key + i] += total * Math.abs(q[row.query + i]) + TINY;
                bounds.dv[key + i] += weight * Math.abs(g[row.output + i]) * (weightError + (1 + weightError) * (rounding + terms * U))
                        + TINY;
            }
        }
    }

    private interface QueryAction {
        void accept(int batch, int head, int query);
    }

    private void forEachQuery(QueryAction action) {
        for (int batch = 0; batch < a.batch(); batch++) {
            for (int head = 0; head < a.heads(); head++) {
                for (int query = 0; query < a.queries(); query++) {
                    action.accept(batch, head, query);
                }
            }
        }
    }

    /** One query: its scores, their largest error, and where its values lie. */
    private final class Row {

        private final int query;
        private final int output;
        private final int logSum;
        private final int firstKey;
        private final double[] scores;
        private double scoreError;

        Row(int batch, int head, int index) {
            query = (int) ((batch * a.queries() + index) * a.ldq()) + head * d;
            output = (int) ((batch * a.queries() + index) * a.heads() + head) * d;
            logSum = (int) ((batch * a.heads() + head) * a.queries()) + index;
            long stride = a.kvBatchStride() == 0 ? a.keys() * a.ldkv() : a.kvBatchStride();
            firstKey = (int) (batch * stride + head / (a.heads() / a.kvHeads()) * d);
            scores = new double[(int) (index + 1 + a.keys() - a.queries())];
            for (int j = 0; j < scores.length; j++) {
                double magnitude = 0;
                for (int i = 0; i < d; i++) {
                    double term = (double) q[query + i] * k[key(j) + i] * a.scale();
                    scores[j] += term;
                    magnitude += Math.abs(term);
                }
                scoreError = Math.max(scoreError, ((d + 3) * U + rounding) * magnitude);
            }
        }

        int key(int j) {
            return (int) (firstKey + j * a.ldkv());
        }

        /** Relative error of a softmax weight. */
        double weightError() {
            return Math.expm1(2 * scoreError) + (scores.length + Bounds.FUNCTION) * U + 2 * exponential;
        }
    }
}
