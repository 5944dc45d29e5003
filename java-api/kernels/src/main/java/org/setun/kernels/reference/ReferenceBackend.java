package org.setun.kernels.reference;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Activation;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.Isa;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.internal.ActivationChecks;
import org.setun.kernels.internal.ArenaSlabs;
import org.setun.kernels.internal.BlockChecks;
import org.setun.kernels.internal.Checks;
import org.setun.kernels.internal.FakeQuantChecks;
import org.setun.kernels.internal.HadamardChecks;
import org.setun.kernels.internal.PiChecks;
import org.setun.kernels.internal.TernaryChecks;

/**
 * The operations in plain Java: the specification that every other backend is tested against, and the fallback where there is no native
 * library. Formulas, orders and bounds: {@code docs/numerics.md}.
 *
 * <p>Threads: free-threaded; any number of threads may call at once, and each call runs on its caller's thread.
 */
public final class ReferenceBackend implements Backend {

    private final ArenaSlabs slabs = new ArenaSlabs();

    @Override
    public String name() {
        return "reference";
    }

    @Override
    public Isa isa() {
        return Isa.PORTABLE;
    }

    @Override
    public int threads() {
        return 0;
    }

    @Override
    public MemorySegment mapSlab(long bytes) {
        return slabs.mapSlab(bytes);
    }

    @Override
    public void unmapSlab(MemorySegment slab) {
        slabs.unmapSlab(slab);
    }

    @Override
    public void close() {
        slabs.close();
    }

    @Override
    public void ternaryQuantize(MemorySegment w, long m, long k, MemorySegment codes, MemorySegment gamma) {
        TernaryChecks.quantize(w, m, k, codes, gamma);
        ReferenceTernary.quantize(w, m, k, codes, gamma);
    }

    @Override
    public void ternaryQuantizePack(MemorySegment w, long m, long k, MemorySegment packed, MemorySegment gamma) {
        TernaryChecks.quantizePack(w, m, k, packed, gamma);
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment codes = scratch.allocate(m * k);
            ReferenceTernary.quantize(w, m, k, codes, gamma);
            ReferenceCodecs.pack(codes, m, k, packed);
        }
    }

    @Override
    public void ternaryPack(MemorySegment codes, long m, long k, MemorySegment packed) {
        TernaryChecks.pack(codes, m, k, packed);
        ReferenceCodecs.pack(codes, m, k, packed);
    }

    @Override
    public void ternaryUnpack(MemorySegment packed, long m, long k, MemorySegment codes) {
        TernaryChecks.unpack(packed, m, k, codes);
        ReferenceCodecs.unpack(packed, m, k, codes);
    }

    @Override
    public void ternaryDensePack(MemorySegment codes, long m, long k, MemorySegment dense) {
        TernaryChecks.densePack(codes, m, k, dense);
        DenseTiles.pack(codes, m, k, dense);
    }

    @Override
    public void ternaryDenseUnpack(MemorySegment dense, long m, long k, MemorySegment codes) {
        TernaryChecks.denseUnpack(dense, m, k, codes);
        DenseTiles.unpack(dense, m, k, codes);
    }

    @Override
    public void ternaryExpand(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment out) {
        TernaryChecks.expand(packed, m, k, gamma, out);
        ReferenceTernary.expand(packed, m, k, gamma, out);
    }

    @Override
    public void ternaryEncode(TernaryFormat format, MemorySegment codes, long m, long k, @Nullable MemorySegment scales,
            MemorySegment data) {
        TernaryChecks.encode(format, codes, m, k, scales, data);
        ReferenceCodecs.encode(format, codes, m, k, scales, data);
    }

    @Override
    public void ternaryDecode(TernaryFormat format, MemorySegment data, long m, long k, MemorySegment codes,
            @Nullable MemorySegment scales) {
        TernaryChecks.decode(format, data, m, k, codes, scales);
        ReferenceCodecs.decode(format, data, m, k, codes, scales);
    }

    @Override
    public void quantizeRows(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        TernaryChecks.quantizeRows(x, n, k, ldx, q, step, sum);
        ReferenceTernary.quantizeRows(x, n, k, ldx, q, step, sum);
    }

    @Override
    public void dequantizeRows(MemorySegment q, MemorySegment step, long n, long k, MemorySegment y) {
        TernaryChecks.dequantizeRows(q, step, n, k, y);
        ReferenceTernary.dequantizeRows(q, step, n, k, y);
    }

    @Override
    public void ternaryGemm(PackedLayout layout, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step,
            MemorySegment sum, long n, @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual,
            @Nullable MemorySegment y, long ldy,
            @Nullable MemorySegment acc) {
        TernaryChecks.gemm(layout, packed, m, k, gamma, q, step, sum, n, bias, residual, y, ldy, acc);
        ReferenceTernary.gemm(layout, packed, m, k, gamma, q, step, n, bias, activation, residual, y, ldy, acc);
    }

    @Override
    public void ternaryGemmF32(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        TernaryChecks.gemmF32(packed, m, k, gamma, x, n, ldx, bias, y, ldy);
        ReferenceTernary.gemmF32(packed, m, k, gamma, x, n, ldx, bias, y, ldy);
    }

    @Override
    public void ternaryGemmBackward(MemorySegment packed, long m, long k, MemorySegment gamma, Element element, MemorySegment dy, long n,
            long lddy, float beta, MemorySegment dx, long lddx) {
        TernaryChecks.gemmBackward(packed, m, k, gamma, element, dy, n, lddy, dx, lddx);
        ReferenceTernary.gemmBackward(packed, m, k, gamma, element, dy, n, lddy, beta, dx, lddx);
    }

    @Override
    public void quantizeBlocks(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        BlockChecks.quantize(x, n, k, ldx, q, step, sum);
        ReferenceBlock.quantize(x, n, k, ldx, q, step, sum);
    }

    @Override
    public void blockPack(BlockFormat format, int parameter, MemorySegment data, long m, long k, MemorySegment packed) {
        BlockChecks.pack(format, parameter, data, m, k, packed);
        ReferenceBlock.pack(format, parameter, data, m, k, packed);
    }

    @Override
    public void blockExpand(BlockFormat format, MemorySegment packed, long m, long k, long row, long rows, MemorySegment out) {
        BlockChecks.expand(format, packed, m, k, row, rows, out);
        ReferenceBlock.expand(format, packed, k, row, rows, out);
    }

    @Override
    public void blockGemm(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment q, MemorySegment step, MemorySegment sum,
            long n, @Nullable MemorySegment bias, @Nullable MemorySegment residual, MemorySegment y, long ldy) {
        BlockChecks.gemm(format, packed, m, k, q, step, sum, n, bias, residual, y, ldy);
        ReferenceBlock.gemm(format, packed, m, k, q, step, n, bias, residual, y, ldy);
    }

    @Override
    public void blockGemmF32(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        BlockChecks.gemmF32(format, packed, m, k, x, n, ldx, bias, y, ldy);
        ReferenceBlock.gemmF32(format, packed, m, k, x, n, ldx, bias, y, ldy);
    }

    @Override
    public void gemmF32(boolean transA, boolean transB, long m, long n, long k, float alpha, MemorySegment a, long lda, MemorySegment b,
            long ldb, float beta, MemorySegment c, long ldc) {
        Checks.gemmF32(transA, transB, m, n, k, a, lda, b, ldb, c, ldc);
        ReferenceGemm.gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    }

    @Override
    public void gemmBf16(long m, long n, long k, float alpha, Operand a, Operand b, @Nullable MemorySegment step, float beta,
            @Nullable MemorySegment bias, MemorySegment c, long ldc) {
        Checks.gemmBf16(m, n, k, a, b, step, bias, c, ldc);
        ReferenceGemm.gemmBf16(m, n, k, alpha, a, b, step, beta, bias, c, ldc);
    }

    @Override
    public void embeddingForward(MemorySegment ids, long n, MemorySegment table, long vocab, long d, MemorySegment y) {
        Checks.embeddingForward(ids, n, table, vocab, d, y);
        ReferenceNn.embeddingForward(ids, n, table, vocab, d, y);
    }

    @Override
    public void embeddingBackward(MemorySegment ids, long n, MemorySegment dy, long vocab, long d, MemorySegment dtable) {
        Checks.embeddingBackward(ids, n, dy, vocab, d, dtable);
        ReferenceNn.embeddingBackward(ids, n, dy, vocab, d, dtable);
    }

    @Override
    public void rmsNormForward(MemorySegment x, MemorySegment w, long n, long d, float eps, MemorySegment y, @Nullable MemorySegment rstd) {
        Checks.rmsNormForward(x, w, n, d, eps, y, rstd);
        ReferenceNn.rmsNormForward(x, w, n, d, eps, y, rstd);
    }

    @Override
    public void rmsNormBackward(MemorySegment x, MemorySegment w, MemorySegment rstd, MemorySegment dy, long n, long d, MemorySegment dx,
            boolean accumulate, @Nullable MemorySegment dw) {
        Checks.rmsNormBackward(x, w, rstd, dy, n, d, dx, dw);
        ReferenceNn.rmsNormBackward(x, w, rstd, dy, n, d, dx, accumulate, dw);
    }

    @Override
    public void rope(MemorySegment x, long n, long heads, long headDim, long ldx, MemorySegment positions, float theta, Rope convention,
            boolean inverse) {
        Checks.rope(x, n, heads, headDim, ldx, positions, theta);
        ReferenceNn.rope(x, n, heads, headDim, ldx, positions, theta, convention, inverse);
    }

    @Override
    public void attentionForward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            @Nullable MemorySegment lse) {
        Checks.attentionForward(shape, q, k, v, out, lse);
        ReferenceAttention.forward(shape, q, k, v, out, lse);
    }

    @Override
    public void attentionBackward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out, MemorySegment lse,
            MemorySegment dout, MemorySegment dq, MemorySegment dk, MemorySegment dv) {
        Checks.attentionBackward(shape, q, k, v, out, lse, dout, dq, dk, dv);
        ReferenceAttention.backward(shape, q, k, v, out, lse, dout, dq, dk, dv);
    }

    @Override
    public void gluForward(Glu kind, MemorySegment gate, MemorySegment up, long n, long d, MemorySegment y) {
        Checks.gluForward(gate, up, n, d, y);
        ReferenceNn.gluForward(kind, gate, up, n * d, y);
    }

    @Override
    public void gluBackward(Glu kind, MemorySegment gate, MemorySegment up, MemorySegment dy, long n, long d, MemorySegment dgate,
            MemorySegment dup) {
        Checks.gluBackward(gate, up, dy, n, d, dgate, dup);
        ReferenceNn.gluBackward(kind, gate, up, dy, n * d, dgate, dup);
    }

    @Override
    public void rmsNormQuantize(MemorySegment x, @Nullable MemorySegment residual, MemorySegment w, long n, long d, float eps,
            @Nullable MemorySegment h, @Nullable MemorySegment y, @Nullable MemorySegment rstd, MemorySegment q, MemorySegment step,
            MemorySegment sum) {
        ActivationChecks.rmsNormQuantize(x, residual, w, n, d, eps, h, y, rstd, q, step, sum);
        ReferenceActivation.rmsNormQuantize(x, residual, w, n, d, eps, h, y, rstd, q, step, sum);
    }

    @Override
    public void gluQuantize(Glu kind, MemorySegment gate, MemorySegment up, @Nullable MemorySegment w, float eps, long n, long d,
            @Nullable MemorySegment y, MemorySegment q, MemorySegment step, MemorySegment sum) {
        ActivationChecks.gluQuantize(gate, up, w, eps, n, d, y, q, step, sum);
        ReferenceActivation.gluQuantize(kind, gate, up, w, eps, n, d, y, q, step, sum);
    }

    @Override
    public void hadamardSigns(SignGenerator generator, long seed, long n, MemorySegment signs) {
        HadamardChecks.signs(n, signs);
        ReferenceHadamard.signs(seed, n, signs); // of the one generator there is
    }

    @Override
    public void hadamard(Element element, boolean inverse, MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n,
            MemorySegment y, long ldy) {
        HadamardChecks.transform(element, x, ldx, signs, rows, n, y, ldy);
        ReferenceHadamard.transform(element, inverse, x, ldx, signs, rows, n, y, ldy);
    }

    @Override
    public void hadamardQuantize(MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n, @Nullable MemorySegment y,
            MemorySegment q, MemorySegment step, MemorySegment sum) {
        HadamardChecks.quantize(x, ldx, signs, rows, n, y, q, step, sum);
        ReferenceHadamard.quantize(x, ldx, signs, rows, n, y, q, step, sum);
    }

    @Override
    public void reluForward(MemorySegment x, long count, MemorySegment y) {
        Checks.reluForward(x, count, y);
        ReferenceNn.reluForward(x, count, y);
    }

    @Override
    public void reluBackward(MemorySegment x, MemorySegment dy, long count, MemorySegment dx) {
        Checks.reluBackward(x, dy, count, dx);
        ReferenceNn.reluBackward(x, dy, count, dx);
    }

    @Override
    public void axpby(float a, MemorySegment x, float b, MemorySegment y, long count) {
        Checks.axpby(x, y, count);
        ReferenceNn.axpby(a, x, b, y, count);
    }

    @Override
    public void fill(MemorySegment x, long count, float value) {
        Checks.fill(x, count);
        ReferenceNn.fill(x, count, value);
    }

    @Override
    public void biasForward(MemorySegment bias, long n, long d, MemorySegment y) {
        Checks.biasForward(bias, n, d, y);
        ReferenceNn.biasForward(bias, n, d, y);
    }

    @Override
    public void biasBackward(MemorySegment dy, long n, long d, MemorySegment dbias) {
        Checks.biasBackward(dy, n, d, dbias);
        ReferenceNn.biasBackward(dy, n, d, dbias);
    }

    @Override
    public void crossEntropy(MemorySegment logits, MemorySegment targets, long n, long vocab, MemorySegment loss,
            @Nullable MemorySegment dlogits, float gradScale, float labelSmoothing) {
        Checks.crossEntropy(logits, targets, n, vocab, loss, dlogits, labelSmoothing);
        ReferenceNn.crossEntropy(logits, targets, n, vocab, loss, dlogits, gradScale, labelSmoothing);
    }

    @Override
    public void distill(Divergence divergence, float temperature, MemorySegment student, MemorySegment teacher,
            @Nullable MemorySegment weights, long n, long vocab, MemorySegment loss, @Nullable MemorySegment dstudent, float gradScale) {
        Checks.distill(temperature, student, teacher, weights, n, vocab, loss, dstudent);
        ReferenceDistill.distill(divergence, temperature, student, teacher, weights, n, vocab, loss, dstudent, gradScale);
    }

    @Override
    public void sum(MemorySegment x, long count, MemorySegment out) {
        Checks.sum(x, count, out);
        Segments.f64(out, 0, FixedSums.plain(x, count));
    }

    @Override
    public void sumSquares(MemorySegment x, long count, MemorySegment out) {
        Checks.sum(x, count, out);
        Segments.f64(out, 0, FixedSums.squares(x, count));
    }

    @Override
    public void clipFactor(MemorySegment sums, long count, float maxNorm, MemorySegment out) {
        Checks.clipFactor(sums, count, out);
        ReferenceOptim.clipFactor(sums, count, maxNorm, out);
    }

    @Override
    public void adamW(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        Checks.adamW(step, count, w, g, m, v, gradFactor);
        ReferenceOptim.adam(step, false, count, w, g, m, v, gradFactor, null);
    }

    @Override
    public void adamDirection(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor, MemorySegment direction) {
        Checks.adamW(step, count, w, g, m, v, gradFactor);
        Checks.direction(count, direction);
        ReferenceOptim.adam(step, false, count, w, g, m, v, gradFactor, direction);
    }

    @Override
    public void adam(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        Checks.adamW(step, count, w, g, m, v, gradFactor);
        ReferenceOptim.adam(step, true, count, w, g, m, v, gradFactor, null);
    }

    @Override
    public void sgd(Sgd step, long count, MemorySegment w, MemorySegment g, @Nullable MemorySegment m, @Nullable MemorySegment gradFactor) {
        Checks.sgd(step, count, w, g, m, gradFactor);
        ReferenceOptim.sgd(step, count, w, g, m, gradFactor);
    }

    @Override
    public void lion(Lion step, long count, MemorySegment w, MemorySegment g, MemorySegment m, @Nullable MemorySegment gradFactor) {
        Checks.lion(count, w, g, m, gradFactor);
        ReferenceOptim.lion(step, count, w, g, m, gradFactor);
    }

    @Override
    public void adamW8(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v, MemorySegment mScale,
            MemorySegment vScale, @Nullable MemorySegment gradFactor) {
        Checks.adamW8(step, count, w, g, m, v, mScale, vScale, gradFactor);
        ReferenceAdamW8.update(step, count, w, g, m, v, mScale, vScale, gradFactor);
    }

    @Override
    public void trackCodes(CodeTracking how, long count, MemorySegment codes, MemorySegment previous, MemorySegment direction,
            @Nullable MemorySegment oscillation, @Nullable MemorySegment average, @Nullable MemorySegment frozen, MemorySegment counts) {
        Checks.trackCodes(count, codes, previous, direction, oscillation, average, frozen, counts);
        ReferenceCodes.track(how, count, codes, previous, direction, oscillation, average, frozen, counts);
    }

    @Override
    public void constrainWeights(WeightLimit limit, long groups, long group, MemorySegment w, MemorySegment scales,
            @Nullable MemorySegment frozen, MemorySegment counts) {
        Checks.constrainWeights(limit, groups, group, w, scales, frozen, counts);
        ReferenceCodes.constrain(limit, groups, group, w, scales, frozen, counts);
    }

    @Override
    public void adafactor(Adafactor step, long rows, long columns, MemorySegment w, MemorySegment g, MemorySegment row,
            MemorySegment column, @Nullable MemorySegment gradFactor) {
        Checks.adafactor(step, rows, columns, w, g, row, column, gradFactor);
        ReferenceAdafactor.update(step, rows, columns, w, g, row, column, gradFactor);
    }

    @Override
    public void piQuantize(PiGrid grid, PiScaling scaling, MemorySegment x, long n, long k, long ldx, @Nullable MemorySegment importance,
            long importanceStride, MemorySegment blocks) {
        PiChecks.quantize(grid, x, n, k, ldx, importance, importanceStride, blocks);
        ReferencePi.quantize(grid, scaling, x, n, k, ldx, importance, importanceStride, blocks);
    }

    @Override
    public void piDequantize(PiGrid grid, MemorySegment blocks, long n, long k, MemorySegment y, long ldy) {
        PiChecks.dequantize(grid, blocks, n, k, y, ldy);
        ReferencePi.dequantize(grid, blocks, n, k, y, ldy);
    }

    @Override
    public void fakeQuantForward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale,
            @Nullable MemorySegment offset, @Nullable MemorySegment value, @Nullable MemorySegment codes, @Nullable MemorySegment sums) {
        FakeQuantChecks.forward(groups, group, v, scale, offset, value, codes, sums);
        ReferenceFakeQuant.forward(rule, groups, group, v, scale, offset, value, codes, sums);
    }

    @Override
    public void fakeQuantBackward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale,
            @Nullable MemorySegment offset, MemorySegment g, @Nullable MemorySegment dv, @Nullable MemorySegment dscale,
            @Nullable MemorySegment doffset, float scaleFactor) {
        FakeQuantChecks.backward(groups, group, v, scale, offset, g, dv, dscale, doffset);
        ReferenceFakeQuant.backward(rule, groups, group, v, scale, offset, g, dv, dscale, doffset, scaleFactor);
    }
}
