package org.setun.kernels;

import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.internal.Checks;
import org.setun.kernels.internal.NativeActivation;
import org.setun.kernels.internal.NativeBindings;
import org.setun.kernels.internal.NativeBlock;
import org.setun.kernels.internal.NativeContext;
import org.setun.kernels.internal.NativeCpu;
import org.setun.kernels.internal.NativeGemm;
import org.setun.kernels.internal.NativeHadamard;
import org.setun.kernels.internal.NativeNn;
import org.setun.kernels.internal.NativeOptim;
import org.setun.kernels.internal.NativePi;
import org.setun.kernels.internal.NativeTernary;

/**
 * The C kernels on this machine's CPU. A call copies its arguments into a struct that each thread keeps: it allocates nothing on the heap.
 *
 * <p>Threads: with workers ({@code threads >= 1}) one caller at a time, and a second one gets an {@link IllegalStateException}; with
 * {@code threads == 0} any number. Call from platform threads: a virtual thread stays on its carrier for the whole of a native call.
 *
 * <p>{@link #close()} while a call is in flight, and every call after it, is an {@link IllegalStateException}; slabs die with the backend.
 * Operands in memory of one's own must stay open while a call runs.
 */
public final class NativeBackend implements Backend {

    private static final System.Logger LOG = System.getLogger("org.setun.kernels");

    private final NativeContext context;
    private final NativeTernary ternary;
    private final BlockOps block;
    private final GemmOps gemm;
    private final NnOps nn;
    private final ActivationOps activation;
    private final HadamardOps hadamard;
    private final OptimOps optim;
    private final PiOps pi;
    private final Isa isa;
    private final int threads;
    private final String blas;

    private NativeBackend(NativeContext context, BackendOptions options) {
        this.context = context;
        ternary = new NativeTernary(context);
        block = new NativeBlock(context);
        gemm = new NativeGemm(context);
        nn = new NativeNn(context);
        activation = new NativeActivation(context);
        hadamard = new NativeHadamard(context);
        optim = new NativeOptim(context);
        pi = new NativePi(context);
        isa = Isa.ofCode(context.isa());
        threads = context.threads();
        blas = useBlas(options.blas());
    }

    /** A backend with {@link BackendOptions#defaults()}. */
    public static NativeBackend create() {
        return create(BackendOptions.defaults());
    }

    /**
     * Opens the native library and starts the workers.
     *
     * @throws NativeLibraryException if the library cannot be loaded
     */
    public static NativeBackend create(BackendOptions options) {
        NativeBindings.load();
        Isa highest = options.isa();
        NativeContext context = new NativeContext(options.threads(), highest == null ? -1 : highest.code());
        try {
            return new NativeBackend(context, options);
        } catch (RuntimeException e) {
            context.close();
            throw e;
        }
    }

    /** Version, compiler and build type of the library, such as {@code setun 0.1.0 (gcc 12.2.0, release)}. */
    public static String buildInfo() {
        NativeBindings.load();
        return NativeContext.buildInfo();
    }

    /** The file that the library was loaded from. */
    public static String libraryFile() {
        return NativeBindings.load().toString();
    }

    /** True if this machine can run the tier. */
    public static boolean supports(Isa isa) {
        NativeBindings.load();
        return NativeCpu.supports(isa.code());
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public Isa isa() {
        return isa;
    }

    @Override
    public int threads() {
        return threads;
    }

    /** What multiplies fp32 tiles: the BLAS provider's name, or {@code built-in}. */
    public String blas() {
        return blas;
    }

    /**
     * Measures a limit of the machine on all threads of this backend, for about {@code seconds}.
     *
     * @param buffer read or copied by {@link MachineLimit#READ} and {@link MachineLimit#COPY}; any size for the others
     * @return units per second, see {@link MachineLimit}
     */
    public double measure(MachineLimit limit, MemorySegment buffer, double seconds) {
        if (!(seconds > 0)) {
            throw new IllegalArgumentException("seconds = " + seconds + " must be > 0");
        }
        return context.measure(limit.code(), buffer, seconds);
    }

    /**
     * Goes once through {@code buffer}, at least 8192 bytes, on all threads of this backend. With it a limit and a kernel can be measured
     * alternately.
     *
     * @return seconds
     */
    public double measureWalk(MemoryWalk walk, MemorySegment buffer) {
        return context.measureWalk(walk.code(), buffer);
    }

    /**
     * What {@link #ternaryGemm} costs without Java: calls it {@code repeats} times with one set of arguments from a loop in C.
     *
     * @return seconds of all calls
     */
    public double measureTernaryGemm(long repeats, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step, MemorySegment sum, long n, MemorySegment y, long ldy) {
        return ternary.measureTernaryGemm(repeats, packed, m, k, gamma, q, step, sum, n, y, ldy);
    }

    /** {@link #mapSlab} on the small pages of the system: to measure what huge ones bring. */
    public MemorySegment mapSlabOfSmallPages(long bytes) {
        Checks.mapSlab(bytes);
        return context.mapSlabOfSmallPages(bytes);
    }

    @Override
    public MemorySegment mapSlab(long bytes) {
        Checks.mapSlab(bytes);
        return context.mapSlab(bytes);
    }

    @Override
    public void unmapSlab(MemorySegment slab) {
        context.unmapSlab(slab);
    }

    @Override
    public void close() {
        context.close();
    }

    @Override
    public String toString() {
        return "cpu (" + isa.label() + ", " + (threads == 0 ? "free-threaded" : threads + " threads") + ", fp32 by " + blas + ")";
    }

    private String useBlas(@Nullable BlasProvider provider) {
        if (provider == null) {
            return "built-in";
        }
        try {
            context.setSgemm(provider.sgemm());
            return provider.name();
        } catch (UnsatisfiedLinkError e) {
            LOG.log(Level.WARNING, "fp32 products use the built-in kernel: {0} cannot be loaded: {1}", provider.name(), e.getMessage());
            return "built-in";
        }
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
            @Nullable MemorySegment dlogits, float gradScale) {
        nn.crossEntropy(logits, targets, n, vocab, loss, dlogits, gradScale);
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
    public void piQuantize(PiGrid grid, PiScaling scaling, MemorySegment x, long n, long k, long ldx, @Nullable MemorySegment importance,
            long importanceStride, MemorySegment blocks) {
        pi.piQuantize(grid, scaling, x, n, k, ldx, importance, importanceStride, blocks);
    }

    @Override
    public void piDequantize(PiGrid grid, MemorySegment blocks, long n, long k, MemorySegment y, long ldy) {
        pi.piDequantize(grid, blocks, n, k, y, ldy);
    }
}
