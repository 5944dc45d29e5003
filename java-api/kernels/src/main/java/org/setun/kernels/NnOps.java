package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Network kernels in fp32, forward and backward: the operations of {@code setun/nn.h}. Backward operations add into parameter gradients
 * ({@code dw, dtable, dbias}) and write activation gradients.
 */
public interface NnOps {

    /** Pairs that a rotary embedding rotates together. */
    enum Rope {
        /** (2i, 2i+1): Llama as GGUF and llama2.c store it. */
        INTERLEAVED,
        /** (i, i + headDim/2): Hugging Face's rotate_half, ggml's NEOX. */
        HALVES
    }

    /** Gate activation of a gated linear unit. */
    enum Glu {
        /** SwiGLU: x * sigmoid(x). */
        SILU,
        /** max(x, 0)^2, as in BitNet b1.58 2B4T. */
        RELU2
    }

    /** Operands of the products inside an operation; results and sums are fp32 in any case. */
    enum Precision {
        /** fp32 as given. */
        F32,
        /** Rounded to bf16, 8 significant bits: about twice as fast where the processor multiplies bf16. */
        BF16
    }

    /** How far two distributions are apart; p is the teacher's, q the student's. */
    enum Divergence {
        /** KL(p || q) = sum p log(p / q): the student covers all that the teacher holds possible. */
        FORWARD,
        /** KL(q || p) = sum q log(q / p): the student keeps to what the teacher holds likely. */
        REVERSE,
        /** (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2: Jensen and Shannon's, at most ln 2. */
        JENSEN
    }

    /** Shape of an attention call; see {@code setun_attention_args}. */
    record Attention(long batch, long queries, long keys, long heads, long kvHeads, long headDim, float scale, long ldq, long ldkv,
            long kvBatchStride, Precision precision) {

        /** In {@link Precision#F32}. */
        public Attention(long batch, long queries, long keys, long heads, long kvHeads, long headDim, float scale, long ldq, long ldkv,
                long kvBatchStride) {
            this(batch, queries, keys, heads, kvHeads, headDim, scale, ldq, ldkv, kvBatchStride, Precision.F32);
        }
    }

    void embeddingForward(MemorySegment ids, long n, MemorySegment table, long vocab, long d, MemorySegment y);

    void embeddingBackward(MemorySegment ids, long n, MemorySegment dy, long vocab, long d, MemorySegment dtable);

    /** {@code rstd} f32[n] may be null when no backward follows. */
    void rmsNormForward(MemorySegment x, MemorySegment w, long n, long d, float eps, MemorySegment y, @Nullable MemorySegment rstd);

    /** Adds into {@code dw} (if given); writes {@code dx}, or adds into it if {@code accumulate}. */
    void rmsNormBackward(MemorySegment x, MemorySegment w, MemorySegment rstd, MemorySegment dy, long n, long d, MemorySegment dx,
            boolean accumulate, @Nullable MemorySegment dw);

    /** Rotates {@code heads*headDim} values of each row of {@code x} f32[n][ldx] in place; {@code positions} i32[n]. */
    void rope(MemorySegment x, long n, long heads, long headDim, long ldx, MemorySegment positions, float theta, Rope convention,
            boolean inverse);

    void attentionForward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            @Nullable MemorySegment lse);

    void attentionBackward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out, MemorySegment lse,
            MemorySegment dout, MemorySegment dq, MemorySegment dk, MemorySegment dv);

    void gluForward(Glu kind, MemorySegment gate, MemorySegment up, long n, long d, MemorySegment y);

    void gluBackward(Glu kind, MemorySegment gate, MemorySegment up, MemorySegment dy, long n, long d, MemorySegment dgate,
            MemorySegment dup);

    void reluForward(MemorySegment x, long count, MemorySegment y);

    void reluBackward(MemorySegment x, MemorySegment dy, long count, MemorySegment dx);

    /** {@code y = a*x + b*y}; with {@code b == 0}, {@code y} is not read. */
    void axpby(float a, MemorySegment x, float b, MemorySegment y, long count);

    void fill(MemorySegment x, long count, float value);

    /** {@code y[n][d] += bias[d]}. */
    void biasForward(MemorySegment bias, long n, long d, MemorySegment y);

    /** {@code dbias[d] +=} column sums of {@code dy}. */
    void biasBackward(MemorySegment dy, long n, long d, MemorySegment dbias);

    /**
     * {@code loss} f32[n] and, if given, {@code dlogits} f32[n][vocab] = (softmax - q) * gradScale; {@code targets} i32[n], -1 = ignored.
     * The target distribution q gives {@code 1 - labelSmoothing} to the target and the rest, in [0, 1], to all classes alike.
     */
    void crossEntropy(MemorySegment logits, MemorySegment targets, long n, long vocab, MemorySegment loss, @Nullable MemorySegment dlogits,
            float gradScale, float labelSmoothing);

    /** Without smoothing. */
    default void crossEntropy(MemorySegment logits, MemorySegment targets, long n, long vocab, MemorySegment loss,
            @Nullable MemorySegment dlogits, float gradScale) {
        crossEntropy(logits, targets, n, vocab, loss, dlogits, gradScale, 0);
    }

    /**
     * The distance D of {@code softmax(teacher / temperature)} and {@code softmax(student / temperature)} per row: {@code loss} f32[n] = weight *
     * temperature^2 * D and, if given, {@code dstudent} f32[n][vocab], its gradient times {@code gradScale}. Logits are f32[n][vocab],
     * {@code weights} f32[n] or null for 1 each; rows of weight 0 are not read.
     */
    void distill(Divergence divergence, float temperature, MemorySegment student, MemorySegment teacher, @Nullable MemorySegment weights,
            long n, long vocab, MemorySegment loss, @Nullable MemorySegment dstudent, float gradScale);
}
