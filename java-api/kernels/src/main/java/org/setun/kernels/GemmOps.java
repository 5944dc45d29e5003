package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Matrix products in fp32, and of bf16 operands with fp32 sums: the operations of {@code setun/gemm.h}. */
public interface GemmOps {

    /** What an operand of a bf16 product holds in memory, in the numbering of {@code setun/gemm.h}. */
    enum Element {
        /** Rounded to bf16 (nearest, ties to even) when used. */
        F32,
        /** 16 bits: the upper half of an fp32. */
        BF16,
        /** Exact in bf16. */
        I8
    }

    /**
     * An operand of a bf16 product.
     *
     * @param element    what it holds
     * @param transposed false: its rows are those of the product's operand; true: they are its columns
     * @param values     row-major
     * @param ld         elements from one row to the next
     */
    record Operand(Element element, boolean transposed, MemorySegment values, long ld) {

        /** fp32 rows as they lie. */
        public static Operand f32(MemorySegment values, long ld) {
            return new Operand(Element.F32, false, values, ld);
        }

        /** int8 codes as they lie. */
        public static Operand i8(MemorySegment values, long ld) {
            return new Operand(Element.I8, false, values, ld);
        }

        /** The same values with rows for columns. */
        public Operand transpose() {
            return new Operand(element, !transposed, values, ld);
        }
    }

    /**
     * {@code c} f32[m][ldc] = alpha * op(a) * op(b) + beta * c, row-major. {@code a} is [m][lda] or, transposed, [k][lda]; {@code b} is
     * [k][ldb] or, transposed, [n][ldb]. With {@code beta == 0}, {@code c} is not read.
     */
    void gemmF32(boolean transA, boolean transB, long m, long n, long k, float alpha, MemorySegment a, long lda, MemorySegment b, long ldb,
            float beta, MemorySegment c, long ldc);

    /**
     * {@code c} f32[m][ldc] = alpha * a * b + beta * c + bias with {@code a} [m][k] and {@code b} [k][n] as bf16 and sums in fp32.
     * {@code step} f32[k], if given, multiplies term p of every sum: in fp32, into {@code a} (into {@code b} if {@code a} is int8), before
     * rounding. {@code bias} f32[n] is added to every row if given. With {@code beta == 0}, {@code c} is not read.
     */
    void gemmBf16(long m, long n, long k, float alpha, Operand a, Operand b, @Nullable MemorySegment step, float beta,
            @Nullable MemorySegment bias, MemorySegment c, long ldc);
}
