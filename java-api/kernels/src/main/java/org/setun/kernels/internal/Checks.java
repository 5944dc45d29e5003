package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps;
import org.setun.kernels.NnOps;
import org.setun.kernels.OptimOps;
import org.setun.kernels.internal.Require.Type;

import static org.setun.kernels.internal.Require.atLeast;
import static org.setun.kernels.internal.Require.batched;
import static org.setun.kernels.internal.Require.dim;
import static org.setun.kernels.internal.Require.matrix;
import static org.setun.kernels.internal.Require.strided;
import static org.setun.kernels.internal.Require.vector;
import static org.setun.kernels.internal.Require.writable;

/**
 * The arguments of the fp32 operations, checked before anything runs: one method per operation, with its parameters in its order.
 * Ternary operations: {@link TernaryChecks}. Each failure is an {@link IllegalArgumentException} (a null segment: a
 * {@link NullPointerException} with the argument's name).
 */
public final class Checks {

    private static final long MAX_HEAD_DIM = 1 << 16;

    private Checks() {
    }

    public static void mapSlab(long bytes) {
        atLeast(1, "bytes", bytes);
    }

    public static void gemmF32(boolean transA, boolean transB, long m, long n, long k, MemorySegment a, long lda, MemorySegment b, long ldb,
            MemorySegment c, long ldc) {
        strided("a", a, Type.F32, transA ? "k" : "m", transA ? k : m, transA ? "m" : "k", transA ? m : k, "lda", lda);
        strided("b", b, Type.F32, transB ? "n" : "k", transB ? n : k, transB ? "k" : "n", transB ? k : n, "ldb", ldb);
        strided("c", c, Type.F32, "m", m, "n", n, "ldc", ldc);
        writable("c", c);
    }

    public static void gemmBf16(long m, long n, long k, GemmOps.Operand a, GemmOps.Operand b, @Nullable MemorySegment step,
            @Nullable MemorySegment bias, MemorySegment c, long ldc) {
        operand("a", a, "m", m, "k", k, "lda");
        operand("b", b, "k", k, "n", n, "ldb");
        if (step != null) {
            vector("step", step, Type.F32, "k", k);
            if (a.element() == GemmOps.Element.I8 && b.element() == GemmOps.Element.I8) {
                throw new IllegalArgumentException("step is given but a and b are both int8: one of them must be fp32 or bf16");
            }
        }
        if (bias != null) {
            vector("bias", bias, Type.F32, "n", n);
        }
        strided("c", c, Type.F32, "m", m, "n", n, "ldc", ldc);
        writable("c", c);
    }

    private static void operand(String name, GemmOps.Operand operand, String rowsName, long rows, String columnsName, long columns,
            String ldName) {
        Type type = Type.of(operand.element());
        if (operand.transposed()) {
            strided(name, operand.values(), type, columnsName, columns, rowsName, rows, ldName, operand.ld());
        } else {
            strided(name, operand.values(), type, rowsName, rows, columnsName, columns, ldName, operand.ld());
        }
    }

    public static void embeddingForward(MemorySegment ids, long n, MemorySegment table, long vocab, long d, MemorySegment y) {
        vector("ids", ids, Type.I32, "n", n);
        matrix("table", table, Type.F32, "vocab", vocab, "d", d);
        matrix("y", y, Type.F32, "n", n, "d", d);
        writable("y", y);
    }

    public static void embeddingBackward(MemorySegment ids, long n, MemorySegment dy, long vocab, long d, MemorySegment dtable) {
        vector("ids", ids, Type.I32, "n", n);
        matrix("dy", dy, Type.F32, "n", n, "d", d);
        matrix("dtable", dtable, Type.F32, "vocab", vocab, "d", d);
        writable("dtable", dtable);
    }

    public static void rmsNormForward(MemorySegment x, MemorySegment w, long n, long d, float eps, MemorySegment y,
            @Nullable MemorySegment rstd) {
        if (!(eps >= 0)) {
            throw new IllegalArgumentException("eps = " + eps + " must be at least 0");
        }
        atLeast(1, "d", d);
        matrix("x", x, Type.F32, "n", n, "d", d);
        vector("w", w, Type.F32, "d", d);
        matrix("y", y, Type.F32, "n", n, "d", d);
        writable("y", y);
        if (rstd != null) {
            vector("rstd", rstd, Type.F32, "n", n);
            writable("rstd", rstd);
        }
    }

    public static void rmsNormBackward(MemorySegment x, MemorySegment w, MemorySegment rstd, MemorySegment dy, long n, long d,
            MemorySegment dx, @Nullable MemorySegment dw) {
        atLeast(1, "d", d);
        matrix("x", x, Type.F32, "n", n, "d", d);
        vector("w", w, Type.F32, "d", d);
        vector("rstd", rstd, Type.F32, "n", n);
        matrix("dy", dy, Type.F32, "n", n, "d", d);
        matrix("dx", dx, Type.F32, "n", n, "d", d);
        writable("dx", dx);
        if (dw != null) {
            vector("dw", dw, Type.F32, "d", d);
            writable("dw", dw);
        }
    }

    public static void rope(MemorySegment x, long n, long heads, long headDim, long ldx, MemorySegment positions, float theta) {
        dim("heads", heads);
        if (atLeast(2, "headDim", headDim) % 2 != 0) {
            throw new IllegalArgumentException("headDim = " + headDim + " must be even");
        }
        if (!(theta > 0 && theta <= Float.MAX_VALUE)) {
            throw new IllegalArgumentException("theta = " + theta + " must be above 0 and finite");
        }
        strided("x", x, Type.F32, "n", n, "heads*headDim", Require.values(heads, headDim, 0), "ldx", ldx);
        writable("x", x);
        vector("positions", positions, Type.I32, "n", n);
    }

    public static void attentionForward(NnOps.Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            @Nullable MemorySegment lse) {
        attentionShape(shape);
        queries("q", q, shape, shape.ldq());
        keys("k", k, shape);
        keys("v", v, shape);
        queries("out", out, shape, shape.heads() * shape.headDim());
        writable("out", out);
        if (lse != null) {
            logSumExp(lse, shape);
            writable("lse", lse);
        }
    }

    public static void attentionBackward(NnOps.Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            MemorySegment lse, MemorySegment dout, MemorySegment dq, MemorySegment dk, MemorySegment dv) {
        attentionForward(shape, q, k, v, dout, null);
        queries("out", out, shape, shape.heads() * shape.headDim());
        logSumExp(lse, shape);
        queries("dq", dq, shape, shape.ldq());
        writable("dq", dq);
        keys("dk", dk, shape);
        writable("dk", dk);
        keys("dv", dv, shape);
        writable("dv", dv);
    }

    private static void attentionShape(NnOps.Attention shape) {
        dim("batch", shape.batch());
        dim("queries", shape.queries());
        atLeast(1, "heads", shape.heads());
        atLeast(1, "kvHeads", shape.kvHeads());
        if (atLeast(1, "headDim", shape.headDim()) > MAX_HEAD_DIM) {
            throw new IllegalArgumentException("headDim = " + shape.headDim() + " must be at most " + MAX_HEAD_DIM);
        }
        dim("kvBatchStride", shape.kvBatchStride());
        if (shape.keys() < shape.queries()) {
            throw new IllegalArgumentException("keys = " + shape.keys() + " must be at least queries = " + shape.queries());
        }
        if (shape.heads() % shape.kvHeads() != 0) {
            throw new IllegalArgumentException("heads = " + shape.heads() + " must be a multiple of kvHeads = " + shape.kvHeads());
        }
        Require.values(shape.heads(), shape.headDim(), 0);
    }

    private static void queries(String name, MemorySegment segment, NnOps.Attention shape, long ld) {
        long rows = Require.values(shape.batch(), shape.queries(), 0);
        strided(name, segment, Type.F32, "batch*queries", rows, "heads*headDim", shape.heads() * shape.headDim(), "ldq", ld);
    }

    private static void keys(String name, MemorySegment segment, NnOps.Attention shape) {
        long stride = shape.kvBatchStride() == 0 ? Require.values(shape.keys(), shape.ldkv(), 0) : shape.kvBatchStride();
        batched(name, segment, Type.F32, shape.batch(), "kvBatchStride", stride, "keys", shape.keys(), "kvHeads*headDim",
                shape.kvHeads() * shape.headDim(), "ldkv", shape.ldkv());
    }

    private static void logSumExp(MemorySegment lse, NnOps.Attention shape) {
        long rows = Require.values(shape.batch(), shape.heads(), 0);
        matrix("lse", lse, Type.F32, "batch*heads", rows, "queries", shape.queries());
    }

    public static void gluForward(MemorySegment gate, MemorySegment up, long n, long d, MemorySegment y) {
        matrix("gate", gate, Type.F32, "n", n, "d", d);
        matrix("up", up, Type.F32, "n", n, "d", d);
        matrix("y", y, Type.F32, "n", n, "d", d);
        writable("y", y);
    }

    public static void gluBackward(MemorySegment gate, MemorySegment up, MemorySegment dy, long n, long d, MemorySegment dgate,
            MemorySegment dup) {
        matrix("gate", gate, Type.F32, "n", n, "d", d);
        matrix("up", up, Type.F32, "n", n, "d", d);
        matrix("dy", dy, Type.F32, "n", n, "d", d);
        matrix("dgate", dgate, Type.F32, "n", n, "d", d);
        writable("dgate", dgate);
        matrix("dup", dup, Type.F32, "n", n, "d", d);
        writable("dup", dup);
    }

    public static void reluForward(MemorySegment x, long count, MemorySegment y) {
        vector("x", x, Type.F32, "count", count);
        fill("y", y, count);
    }

    public static void reluBackward(MemorySegment x, MemorySegment dy, long count, MemorySegment dx) {
        vector("x", x, Type.F32, "count", count);
        vector("dy", dy, Type.F32, "count", count);
        fill("dx", dx, count);
    }

    public static void axpby(MemorySegment x, MemorySegment y, long count) {
        vector("x", x, Type.F32, "count", count);
        fill("y", y, count);
    }

    public static void fill(MemorySegment x, long count) {
        fill("x", x, count);
    }

    private static void fill(String name, MemorySegment segment, long count) {
        vector(name, segment, Type.F32, "count", count);
        writable(name, segment);
    }

    public static void biasForward(MemorySegment bias, long n, long d, MemorySegment y) {
        vector("bias", bias, Type.F32, "d", d);
        matrix("y", y, Type.F32, "n", n, "d", d);
        writable("y", y);
    }

    public static void biasBackward(MemorySegment dy, long n, long d, MemorySegment dbias) {
        matrix("dy", dy, Type.F32, "n", n, "d", d);
        vector("dbias", dbias, Type.F32, "d", d);
        writable("dbias", dbias);
    }

    public static void crossEntropy(MemorySegment logits, MemorySegment targets, long n, long vocab, MemorySegment loss,
            @Nullable MemorySegment dlogits, float labelSmoothing) {
        if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
            throw new IllegalArgumentException("labelSmoothing = " + labelSmoothing + " must be in [0, 1]");
        }
        atLeast(1, "vocab", vocab);
        matrix("logits", logits, Type.F32, "n", n, "vocab", vocab);
        vector("targets", targets, Type.I32, "n", n);
        vector("loss", loss, Type.F32, "n", n);
        writable("loss", loss);
        if (dlogits != null) {
            matrix("dlogits", dlogits, Type.F32, "n", n, "vocab", vocab);
            writable("dlogits", dlogits);
        }
    }

    public static void distill(float temperature, MemorySegment student, MemorySegment teacher, @Nullable MemorySegment weights, long n,
            long vocab, MemorySegment loss, @Nullable MemorySegment dstudent) {
        if (!(temperature >= 0x1p-20f && temperature <= 0x1p20f)) {
            throw new IllegalArgumentException("temperature = " + temperature + " must be in [2^-20, 2^20]");
        }
        atLeast(1, "vocab", vocab);
        matrix("student", student, Type.F32, "n", n, "vocab", vocab);
        matrix("teacher", teacher, Type.F32, "n", n, "vocab", vocab);
        if (weights != null) {
            vector("weights", weights, Type.F32, "n", n);
        }
        vector("loss", loss, Type.F32, "n", n);
        writable("loss", loss);
        if (dstudent != null) {
            matrix("dstudent", dstudent, Type.F32, "n", n, "vocab", vocab);
            writable("dstudent", dstudent);
        }
    }

    /** {@code sum} and {@code sumSquares}. */
    public static void sum(MemorySegment x, long count, MemorySegment out) {
        vector("x", x, Type.F32, "count", count);
        vector("out", out, Type.F64, "values", 1);
        writable("out", out);
    }

    public static void clipFactor(MemorySegment sums, long count, MemorySegment out) {
        vector("sums", sums, Type.F64, "count", count);
        vector("out", out, Type.F32, "values", 2);
        writable("out", out);
    }

    public static void direction(long count, MemorySegment direction) {
        fill("direction", direction, count);
    }

    public static void sgd(OptimOps.Sgd step, long count, MemorySegment w, MemorySegment g, @Nullable MemorySegment m,
            @Nullable MemorySegment gradFactor) {
        update(count, w, g, gradFactor);
        if (m != null) {
            fill("m", m, count);
        } else if (step.nesterov()) {
            throw new IllegalArgumentException("nesterov = true needs m");
        }
    }

    public static void lion(long count, MemorySegment w, MemorySegment g, MemorySegment m, @Nullable MemorySegment gradFactor) {
        update(count, w, g, gradFactor);
        fill("m", m, count);
    }

    private static void update(long count, MemorySegment w, MemorySegment g, @Nullable MemorySegment gradFactor) {
        fill("w", w, count);
        vector("g", g, Type.F32, "count", count);
        if (gradFactor != null) {
            vector("gradFactor", gradFactor, Type.F32, "values", 1);
        }
    }

    public static void adamW(OptimOps.AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        update(count, w, g, gradFactor);
        fill("m", m, count);
        fill("v", v, count);
        biases(step);
    }

    public static void adamW8(OptimOps.AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            MemorySegment mScale, MemorySegment vScale, @Nullable MemorySegment gradFactor) {
        update(count, w, g, gradFactor);
        long blocks = (count + OptimOps.ADAMW8_BLOCK - 1) / OptimOps.ADAMW8_BLOCK;
        moment("m", m, Type.I8, "count", count);
        moment("v", v, Type.I8, "count", count);
        moment("mScale", mScale, Type.F32, "blocks", blocks);
        moment("vScale", vScale, Type.F32, "blocks", blocks);
        biases(step);
    }

    private static void moment(String name, MemorySegment segment, Type type, String extent, long count) {
        vector(name, segment, type, extent, count);
        writable(name, segment);
    }

    private static void biases(OptimOps.AdamW step) {
        if (!(step.bias1() > 0) || !(step.bias2() > 0)) {
            throw new IllegalArgumentException("bias1 = " + step.bias1() + " and bias2 = " + step.bias2() + " must be above 0");
        }
    }

    public static void adafactor(OptimOps.Adafactor step, long rows, long columns, MemorySegment w, MemorySegment g, MemorySegment row,
            MemorySegment column, @Nullable MemorySegment gradFactor) {
        matrix("w", w, Type.F32, "rows", rows, "columns", columns);
        writable("w", w);
        matrix("g", g, Type.F32, "rows", rows, "columns", columns);
        moment("row", row, Type.F32, "rows", rows);
        moment("column", column, Type.F32, "columns", columns);
        if (gradFactor != null) {
            vector("gradFactor", gradFactor, Type.F32, "values", 1);
        }
        if (!(step.eps() > 0) || !(step.clip() > 0)) {
            throw new IllegalArgumentException("eps = " + step.eps() + " and clip = " + step.clip() + " must be above 0");
        }
    }

    public static void trackCodes(long count, MemorySegment codes, MemorySegment previous, MemorySegment direction,
            @Nullable MemorySegment oscillation, @Nullable MemorySegment average, @Nullable MemorySegment frozen, MemorySegment counts) {
        vector("codes", codes, Type.I8, "count", count);
        moment("previous", previous, Type.I8, "count", count);
        moment("direction", direction, Type.I8, "count", count);
        moment("counts", counts, Type.F64, "values", 3);
        if ((oscillation == null) != (average == null) || frozen != null && oscillation == null) {
            throw new IllegalArgumentException("oscillation and average go together, and frozen needs them");
        }
        if (oscillation != null && average != null) {
            moment("oscillation", oscillation, Type.F32, "count", count);
            moment("average", average, Type.F32, "count", count);
        }
        if (frozen != null) {
            moment("frozen", frozen, Type.I8, "count", count);
        }
    }

    public static void constrainWeights(OptimOps.WeightLimit limit, long groups, long group, MemorySegment w, MemorySegment scales,
            @Nullable MemorySegment frozen, MemorySegment counts) {
        matrix("w", w, Type.F32, "groups", groups, "group", group);
        writable("w", w);
        vector("scales", scales, Type.F32, "groups", groups);
        if (frozen != null) {
            matrix("frozen", frozen, Type.I8, "groups", groups, "group", group);
        }
        moment("counts", counts, Type.F64, "values", 2);
        if (!(limit.limit() >= 0) || !(limit.divisions() > 0)) {
            throw new IllegalArgumentException("limit = " + limit.limit() + " must be >= 0 and divisions = " + limit.divisions() + " > 0");
        }
    }
}
