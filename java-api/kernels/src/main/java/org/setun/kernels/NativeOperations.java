package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.internal.NativeActivation;
import org.setun.kernels.internal.NativeBlock;
import org.setun.kernels.internal.NativeContext;
import org.setun.kernels.internal.NativeFakeQuant;
import org.setun.kernels.internal.NativeGemm;
import org.setun.kernels.internal.NativeHadamard;
import org.setun.kernels.internal.NativeNn;
import org.setun.kernels.internal.NativeOptim;
import org.setun.kernels.internal.NativePi;
import org.setun.kernels.internal.NativeTernary;

/** The operations of {@link NativeBackend}: each goes to the class of its family, which checks, binds and calls. */
abstract class NativeOperations implements Backend {

    private final NativeTernary ternary;
    private final BlockOps block;
    private final GemmOps gemm;
    private final NnOps nn;
    private final ActivationOps activation;
    private final HadamardOps hadamard;
    private final OptimOps optim;
    private final PiOps pi;
    private final FakeQuantOps fakeQuant;

    NativeOperations(NativeContext context) {
        ternary = new NativeTernary(context);
        block = new NativeBlock(context);
        gemm = new NativeGemm(context);
        nn = new NativeNn(context);
        activation = new NativeActivation(context);
        hadamard = new NativeHadamard(context);
        optim = new NativeOptim(context);
        pi = new NativePi(context);
        fakeQuant = new NativeFakeQuant(context);
    }

    /** The ternary family, which can measure itself, too. */
    final NativeTernary ternary() {
        return ternary;
    }

    @Override
    public void ternaryQuantize(MemorySegment w, long m, long k, MemorySegment codes, MemorySegment gamma) {
        ternary.ternaryQuantize(w, m, k, codes, gamma);
    }

    @Override
    public void ternaryQuantizePack(MemorySegment w, long m, long k, MemorySegment packed, MemorySegment gamma) {
        ternary.ternaryQuantizePack(w, m, k, packed, gamma);
    }

    @Override
    public void ternaryPack(MemorySegment codes, long m, long k, MemorySegment packed) {
        ternary.ternaryPack(codes, m, k, packed);
    }

    @Override
    public void ternaryUnpack(MemorySegment packed, long m, long k, MemorySegment codes) {
        ternary.ternaryUnpack(packed, m, k, codes);
    }

    @Override
    public void ternaryDensePack(MemorySegment codes, long m, long k, MemorySegment dense) {
        ternary.ternaryDensePack(codes, m, k, dense);
    }

    @Override
    public void ternaryDenseUnpack(MemorySegment dense, long m, long k, MemorySegment codes) {
        ternary.ternaryDenseUnpack(dense, m, k, codes);
    }

    @Override
    public void ternaryExpand(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment out) {
        ternary.ternaryExpand(packed, m, k, gamma, out);
    }

    @Override
    public void ternaryEncode(TernaryFormat format, MemorySegment codes, long m, long k, @Nullable MemorySegment scales,
            MemorySegment data) {
        ternary.ternaryEncode(format, codes, m, k, scales, data);
    }

    @Override
    public void ternaryDecode(TernaryFormat format, MemorySegment data, long m, long k, MemorySegment codes,
            @Nullable MemorySegment scales) {
        ternary.ternaryDecode(format, data, m, k, codes, scales);
    }

    @Override
    public void quantizeRows(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        ternary.quantizeRows(x, n, k, ldx, q, step, sum);
    }

    @Override
    public void dequantizeRows(MemorySegment q, MemorySegment step, long n, long k, MemorySegment y) {
        ternary.dequantizeRows(q, step, n, k, y);
    }

    @Override
    public void ternaryGemm(PackedLayout layout, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step,
            MemorySegment sum, long n, @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual,
            @Nullable MemorySegment y, long ldy,
            @Nullable MemorySegment acc) {
        ternary.ternaryGemm(layout, packed, m, k, gamma, q, step, sum, n, bias, activation, residual, y, ldy, acc);
    }

    @Override
    public void ternaryGemmF32(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        ternary.ternaryGemmF32(packed, m, k, gamma, x, n, ldx, bias, y, ldy);
    }

    @Override
    public void ternaryGemmBackward(MemorySegment packed, long m, long k, MemorySegment gamma, Element element, MemorySegment dy, long n,
            long lddy, float beta, MemorySegment dx, long lddx) {
        ternary.ternaryGemmBackward(packed, m, k, gamma, element, dy, n, lddy, beta, dx, lddx);
    }

    @Override
    public void quantizeBlocks(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        block.quantizeBlocks(x, n, k, ldx, q, step, sum);
    }

    @Override
    public void blockPack(BlockFormat format, int parameter, MemorySegment data, long m, long k, MemorySegment packed) {
        block.blockPack(format, parameter, data, m, k, packed);
    }

    @Override
    public void blockExpand(BlockFormat format, MemorySegment packed, long m, long k, long row, long rows, MemorySegment out) {
        block.blockExpand(format, packed, m, k, row, rows, out);
    }

    @Override
    public void blockGemm(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment q, MemorySegment step, MemorySegment sum,
            long n, @Nullable MemorySegment bias, @Nullable MemorySegment residual, MemorySegment y, long ldy) {
        block.blockGemm(format, packed, m, k, q, step, sum, n, bias, residual, y, ldy);
    }

    @Override
    public void blockGemmF32(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        block.blockGemmF32(format, packed, m, k, x, n, ldx, bias, y, ldy);
    }

    @Override
    public void gemmF32(boolean transA, boolean transB, long m, long n, long k, float alpha, MemorySegment a, long lda, MemorySegment b,
            long ldb, float beta, MemorySegment c, long ldc) {
        gemm.gemmF32(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    }

    @Override
    public void gemmBf16(long m, long n, long k, float alpha, Operand a, Operand b, @Nullable MemorySegment step, float beta,
            @Nullable MemorySegment bias, MemorySegment c, long ldc) {
        gemm.gemmBf16(m, n, k, alpha, a, b, step, beta, bias, c, ldc);
    }

    @Override
    public void embeddingForward(MemorySegment ids, long n, MemorySegment table, long vocab, long d, MemorySegment y) {
        nn.embeddingForward(ids, n, table, vocab, d, y);
    }

    @Override
    public void embeddingBackward(MemorySegment ids, long n, MemorySegment dy, long vocab, long d, MemorySegment dtable) {
        nn.embeddingBackward(ids, n, dy, vocab, d, dtable);
    }

    @Override
    public void rmsNormForward(MemorySegment x, MemorySegment w, long n, long d, float eps, MemorySegment y, @Nullable MemorySegment rstd) {
        nn.rmsNormForward(x, w, n, d, eps, y, rstd);
    }

    @Override
    public void rmsNormBackward(MemorySegment x, MemorySegment w, MemorySegment rstd, MemorySegment dy, long n, long d, MemorySegment dx,
            boolean accumulate, @Nullable MemorySegment dw) {
        nn.rmsNormBackward(x, w, rstd, dy, n, d, dx, accumulate, dw);
    }

    @Override
    public void rope(MemorySegment x, long n, long heads, long headDim, long ldx, MemorySegment positions, float theta, Rope convention,
            boolean inverse) {
        nn.rope(x, n, heads, headDim, ldx, positions, theta, convention, inverse);
    }

    @Override
    public void attentionForward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            @Nullable MemorySegment lse) {
        nn.attentionForward(shape, q, k, v, out, lse);
    }

    @Override
    public void attentionBackward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out, MemorySegment lse,
            MemorySegment dout, MemorySegment dq, MemorySegment dk, MemorySegment dv) {
        nn.attentionBackward(shape, q, k, v, out, lse, dout, dq, dk, dv);
    }

    @Override
    public void gluForward(Glu kind, MemorySegment gate, MemorySegment up, long n, long d, MemorySegment y) {
        nn.gluForward(kind, gate, up, n, d, y);
    }

    @Override
    public void gluBackward(Glu kind, MemorySegment gate, MemorySegment up, MemorySegment dy, long n, long d, MemorySegment dgate,
            MemorySegment dup) {
        nn.gluBackward(kind, gate, up, dy, n, d, dgate, dup);
    }

    @Override
    public void rmsNormQuantize(MemorySegment x, @Nullable MemorySegment residual, MemorySegment w, long n, long d, float eps,
            @Nullable MemorySegment h, @Nullable MemorySegment y, @Nullable MemorySegment rstd, MemorySegment q, MemorySegment step,
            MemorySegment sum) {
        activation.rmsNormQuantize(x, residual, w, n, d, eps, h, y, rstd, q, step, sum);
    }

    @Override
    public void gluQuantize(Glu kind, MemorySegment gate, MemorySegment up, @Nullable MemorySegment w, float eps, long n, long d,
            @Nullable MemorySegment y, MemorySegment q, MemorySegment step, MemorySegment sum) {
        activation.gluQuantize(kind, gate, up, w, eps, n, d, y, q, step, sum);
    }

    @Override
    public void hadamardSigns(SignGenerator generator, long seed, long n, MemorySegment signs) {
        hadamard.hadamardSigns(generator, seed, n, signs);
    }

    @Override
    public void hadamard(Element element, boolean inverse, MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n,
            MemorySegment y, long ldy) {
        hadamard.hadamard(element, inverse, x, ldx, signs, rows, n, y, ldy);
    }

    @Override
    public void hadamardQuantize(MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n, @Nullable MemorySegment y,
            MemorySegment q, MemorySegment step, MemorySegment sum) {
        hadamard.hadamardQuantize(x, ldx, signs, rows, n, y, q, step, sum);
    }

    @Override
    public void reluForward(MemorySegment x, long count, MemorySegment y) {
        nn.reluForward(x, count, y);
    }

    @Override
    public void reluBackward(MemorySegment x, MemorySegment dy, long count, MemorySegment dx) {
        nn.reluBackward(x, dy, count, dx);
    }

    @Override
    public void axpby(float a, MemorySegment x, float b, MemorySegment y, long count) {
        nn.axpby(a, x, b, y, count);
    }

    @Override
    public void fill(MemorySegment x, long count, float value) {
        nn.fill(x, count, value);
    }

    @Override
    public void biasForward(MemorySegment bias, long n, long d, MemorySegment y) {
        nn.biasForward(bias, n, d, y);
    }

    @Override
    public void biasBackward(MemorySegment dy, long n, long d, MemorySegment dbias) {
        nn.biasBackward(dy, n, d, dbias);
    }

    @Override
    public void crossEntropy(MemorySegment logits, MemorySegment targets, long n, long vocab, MemorySegment loss,
            @Nullable MemorySegment dlogits, float gradScale, float labelSmoothing) {
        nn.crossEntropy(logits, targets, n, vocab, loss, dlogits, gradScale, labelSmoothing);
    }

    @Override
    public void distill(Divergence divergence, float temperature, MemorySegment student, MemorySegment teacher,
            @Nullable MemorySegment weights, long n, long vocab, MemorySegment loss, @Nullable MemorySegment dstudent, float gradScale) {
        nn.distill(divergence, temperature, student, teacher, weights, n, vocab, loss, dstudent, gradScale);
    }

    @Override
    public void sum(MemorySegment x, long count, MemorySegment out) {
        optim.sum(x, count, out);
    }

    @Override
    public void sumSquares(MemorySegment x, long count, MemorySegment out) {
        optim.sumSquares(x, count, out);
    }

    @Override
    public void clipFactor(MemorySegment sums, long count, float maxNorm, MemorySegment out) {
        optim.clipFactor(sums, count, maxNorm, out);
    }

    @Override
    public void adamW(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        optim.adamW(step, count, w, g, m, v, gradFactor);
    }

    @Override
    public void adamDirection(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor, MemorySegment direction) {
        optim.adamDirection(step, count, w, g, m, v, gradFactor, direction);
    }

    @Override
    public void adam(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        optim.adam(step, count, w, g, m, v, gradFactor);
    }

    @Override
    public void sgd(Sgd step, long count, MemorySegment w, MemorySegment g, @Nullable MemorySegment m, @Nullable MemorySegment gradFactor) {
        optim.sgd(step, count, w, g, m, gradFactor);
    }

    @Override
    public void lion(Lion step, long count, MemorySegment w, MemorySegment g, MemorySegment m, @Nullable MemorySegment gradFactor) {
        optim.lion(step, count, w, g, m, gradFactor);
    }

    @Override
    public void adamW8(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v, MemorySegment mScale,
            MemorySegment vScale, @Nullable MemorySegment gradFactor) {
        optim.adamW8(step, count, w, g, m, v, mScale, vScale, gradFactor);
    }

    @Override
    public void trackCodes(CodeTracking how, long count, MemorySegment codes, MemorySegment previous, MemorySegment direction,
            @Nullable MemorySegment oscillation, @Nullable MemorySegment average, @Nullable MemorySegment frozen, MemorySegment counts) {
        optim.trackCodes(how, count, codes, previous, direction, oscillation, average, frozen, counts);
    }

    @Override
    public void constrainWeights(WeightLimit limit, long groups, long group, MemorySegment w, MemorySegment scales,
            @Nullable MemorySegment frozen, MemorySegment counts) {
        optim.constrainWeights(limit, groups, group, w, scales, frozen, counts);
    }

    @Override
    public void adafactor(Adafactor step, long rows, long columns, MemorySegment w, MemorySegment g, MemorySegment row,
            MemorySegment column, @Nullable MemorySegment gradFactor) {
        optim.adafactor(step, rows, columns, w, g, row, column, gradFactor);
    }

    @Override
    public void piQuantize(PiGrid grid, PiScaling scaling, MemorySegment x, long n, long k, long ldx, @Nullable MemorySegment importance,
            long importanceStride, MemorySegment blocks) {
        pi.piQuantize(grid, scaling, x, n, k, ldx, importance, importanceStride, blocks);
    }

    @Override
    public void piDequantize(PiGrid grid, MemorySegment blocks, long n, long k, MemorySegment y, long ldy) {
        pi.piDequantize(grid, blocks, n, k, y, ldy);
    }

    @Override
    public void fakeQuantForward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale,
            @Nullable MemorySegment offset, @Nullable MemorySegment value, @Nullable MemorySegment codes, @Nullable MemorySegment sums) {
        fakeQuant.fakeQuantForward(rule, groups, group, v, scale, offset, value, codes, sums);
    }

    @Override
    public void fakeQuantBackward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale,
            @Nullable MemorySegment offset, MemorySegment g, @Nullable MemorySegment dv, @Nullable MemorySegment dscale,
            @Nullable MemorySegment doffset, float scaleFactor) {
        fakeQuant.fakeQuantBackward(rule, groups, group, v, scale, offset, g, dv, dscale, doffset, scaleFactor);
    }
}
