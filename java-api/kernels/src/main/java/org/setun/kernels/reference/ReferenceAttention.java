package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps.Attention;

import static org.setun.kernels.reference.Segments.f32;

/** Causal grouped-query attention: softmax(scale * q k^T) v, where query i of t sees keys 0 .. i + s - t. All sums in fp64. */
final class ReferenceAttention {

    private final Attention shape;
    private final MemorySegment q;
    private final MemorySegment k;
    private final MemorySegment v;
    private final int width;
    private final long batchStride;

    private ReferenceAttention(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v) {
        this.shape = shape;
        this.q = q;
        this.k = k;
        this.v = v;
        this.width = Math.toIntExact(shape.headDim());
        this.batchStride = shape.kvBatchStride() == 0 ? shape.keys() * shape.ldkv() : shape.kvBatchStride();
    }

    static void forward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            @Nullable MemorySegment lse) {
        ReferenceAttention attention = new ReferenceAttention(shape, q, k, v);
        attention.forEachQuery((batch, head, query) -> attention.forward(batch, head, query, out, lse));
    }

    static void backward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out, MemorySegment lse,
            MemorySegment dout, MemorySegment dq, MemorySegment dk, MemorySegment dv) {
        ReferenceAttention attention = new ReferenceAttention(shape, q, k, v);
        for (long batch = 0; batch < shape.batch(); batch++) {
            for (long kvHead = 0; kvHead < shape.kvHeads(); kvHead++) {
                attention.backward(batch, kvHead, out, lse, dout, dq, dk, dv);
            }
        }
    }

    private void forward(long batch, long head, long query, MemorySegment out, @Nullable MemorySegment lse) {
        float[] queryRow = query(q, batch, head, query);
        double[] weights = new double[visible(query)];
        double max = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < weights.length; j++) {
            weights[j] = shape.scale() * dot(queryRow, key(k, batch, head, j));
            max = Math.max(max, weights[j]);
        }
        double sum = 0;
        for (int j = 0; j < weights.length; j++) {
            weights[j] = Math.exp(weights[j] - max);
            sum += weights[j];
        }
        double[] result = new double[width];
        for (int j = 0; j < weights.length; j++) {
            add(weights[j] / sum, key(v, batch, head, j), result);
        }
        write(result, out, outAt(batch, head, query));
        if (lse != null) {
            f32(lse, (batch * shape.heads() + head) * shape.queries() + query, (float) (max + Math.log(sum)));
        }
    }

    /** The gradients of one key-value head, from all the query heads that share it. */
    private void backward(long batch, long kvHead, MemorySegment out, MemorySegment lse, MemorySegment dout, MemorySegment dq,
            MemorySegment dk, MemorySegment dv) {
        int keys = Math.toIntExact(shape.keys());
        double[][] keyGradient = new double[keys][width];
        double[][] valueGradient = new double[keys][width];
        long group = shape.heads() / shape.kvHeads();
        for (long head = kvHead * group; head < (kvHead + 1) * group; head++) {
            for (long query = 0; query < shape.queries(); query++) {
                float[] queryRow = query(q, batch, head, query);
                float[] gradient = Segments.floats(dout, outAt(batch, head, query), width);
                double mean = dot(gradient, Segments.floats(out, outAt(batch, head, query), width));
                double logSum = f32(lse, (batch * shape.heads() + head) * shape.queries() + query);
                double[] queryGradient = new double[width];
                for (int j = 0; j < visible(query); j++) {
                    float[] keyRow = key(k, batch, head, j);
                    double weight = Math.exp(shape.scale() * dot(queryRow, keyRow) - logSum);
                    double score = weight * (dot(gradient, key(v, batch, head, j)) - mean) * shape.scale();
                    add(weight, gradient, valueGradient[j]);
                    add(score, queryRow, keyGradient[j]);
                    add(score, keyRow, queryGradient);
                }
                write(queryGradient, dq, queryAt(batch, head, query));
            }
        }
        for (int j = 0; j < keys; j++) {
            write(keyGradient[j], dk, keyAt(batch, kvHead, j));
            write(valueGradient[j], dv, keyAt(batch, kvHead, j));
        }
    }

    private interface QueryAction {
        void accept(long batch, long head, long query);
    }

    private void forEachQuery(QueryAction action) {
        for (long batch = 0; batch < shape.batch(); batch++) {
            for (long head = 0; head < shape.heads(); head++) {
                for (long query = 0; query < shape.queries(); query++) {
                    action.accept(batch, head, query);
                }
            }
        }
    }

    private int visible(long query) {
        return Math.toIntExact(query + 1 + shape.keys() - shape.queries());
    }

    private long queryAt(long batch, long head, long query) {
        return (batch * shape.queries() + query) * shape.ldq() + head * width;
    }

    private long outAt(long batch, long head, long query) {
        return ((batch * shape.queries() + query) * shape.heads() + head) * width;
    }

    private long keyAt(long batch, long kvHead, long key) {
        return batch * batchStride + key * shape.ldkv() + kvHead * width;
    }

    private float[] query(MemorySegment rows, long batch, long head, long query) {
        return Segments.floats(rows, queryAt(batch, head, query), width);
    }

    private float[] key(MemorySegment rows, long batch, long head, long key) {
        return Segments.floats(rows, keyAt(batch, head / (shape.heads() / shape.kvHeads()), key), width);
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    private static void add(double factor, float[] row, double[] sum) {
        for (int i = 0; i < row.length; i++) {
            sum[i] += factor * row[i];
        }
    }

    private static void write(double[] row, MemorySegment segment, long first) {
        for (int i = 0; i < row.length; i++) {
            f32(segment, first + i, (float) row[i]);
        }
    }
}
