package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps.Element;

/**
 * Hadamard transforms of rows, normalized so that they are orthogonal: the operations of {@code setun/hadamard.h}. {@link HadamardFactors} says which
 * matrix a length has. All results are bits: the same on every backend and tier.
 *
 * <p>Random signs are packed: bit {@code i % 8} of byte {@code i / 8} is 1 where value {@code i} changes its sign.
 */
public interface HadamardOps {

    /** Generators of random signs. */
    enum SignGenerator {
        /** SplitMix64: bit {@code i % 64} of the {@code i / 64}-th long of {@link java.util.SplittableRandom} of the seed. */
        SPLITMIX64(1);

        private final int code;

        SignGenerator(int code) {
            this.code = code;
        }

        /** The number that files hold. */
        public int code() {
            return code;
        }

        /** The generator of a number. */
        public static SignGenerator ofCode(int code) {
            for (SignGenerator generator : values()) {
                if (generator.code == code) {
                    return generator;
                }
            }
            throw new IllegalArgumentException("sign generator " + code + " is not known; 1 is SplitMix64");
        }
    }

    /** Bytes that hold the signs of {@code n} values. */
    static long signBytes(long n) {
        return (n + 7) / 8;
    }

    /** {@code signs} receives {@link #signBytes} bytes of random signs; the bits from {@code n} on are 0. */
    void hadamardSigns(SignGenerator generator, long seed, long n, MemorySegment signs);

    /**
     * {@code y = H (signs * x)} for each row of {@code n} values, or, {@code inverse}, {@code y = signs * (H^T x)}, which undoes it and is its
     * gradient.
     *
     * @param element F32, or BF16: computed in fp32 and rounded once
     * @param x       [rows][ldx]
     * @param signs   packed, or null: no sign changes
     * @param y       [rows][ldy]; may be {@code x}, with {@code ldy = ldx}
     */
    void hadamard(Element element, boolean inverse, MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n,
            MemorySegment y, long ldy);

    /**
     * {@code H (signs * x)} of fp32 rows, then absmax int8 (H-BitLinear of BitNet v2, arXiv 2504.18415), with the bits of {@link #hadamard} and
     * {@link TernaryOps#quantizeRows} called one after another.
     *
     * @param x    f32[rows][ldx]
     * @param y    f32[rows][n] receives the transformed values if given; may be {@code x} if {@code ldx = n}
     * @param q    i8[rows][paddedK(n)]
     * @param step f32[rows]
     * @param sum  i32[rows]
     */
    void hadamardQuantize(MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n, @Nullable MemorySegment y,
            MemorySegment q, MemorySegment step, MemorySegment sum);
}
