package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

import static org.setun.kernels.MatrixArguments.atLeast;
import static org.setun.kernels.MatrixArguments.exactly;
import static org.setun.kernels.MatrixArguments.notFinite;

/** What matrices {@code W[m][k]} packed for the kernels have in common: their memory, and how their products come by operands. */
abstract sealed class PackedMatrix implements AutoCloseable permits BlockMatrix, TernaryMatrix {

    final Setun setun;
    final long m;
    final long k;
    final Buffer buffer;

    PackedMatrix(Setun setun, long m, long k, Buffer buffer) {
        this.setun = setun;
        this.m = m;
        this.k = k;
        this.buffer = buffer;
    }

    /** What gives the memory of a new matrix its values, and makes it a matrix. */
    interface Filler<T> {
        T fill(Buffer buffer);
    }

    /** A matrix of {@code bytes} bytes; they are freed again if it cannot be made. */
    static <T extends PackedMatrix> T create(Setun setun, long bytes, Filler<T> filler) {
        setun.begin();
        try {
            Buffer buffer = setun.pool().allocate(bytes);
            try {
                return filler.fill(buffer);
            } catch (RuntimeException e) {
                setun.pool().free(buffer);
                throw e;
            }
        } finally {
            setun.end();
        }
    }

    /** Refuses data that has not the bytes of its format. */
    static void requireBytes(MemorySegment data, long bytes, Object format, long m, long k) {
        if (data.byteSize() != bytes) {
            throw new IllegalArgumentException("data has " + data.byteSize() + " bytes but m = " + m + " rows of k = " + k + " in " + format
                    + " have " + bytes);
        }
    }

    /** Outputs. */
    public final long rows() {
        return m;
    }

    /** Inputs. */
    public final long columns() {
        return k;
    }

    /** Off-heap bytes in use. */
    public final long byteSize() {
        return buffer.byteSize();
    }

    /**
     * {@code y = x * W^T} with activations quantized to int8, each row or each block of a row by its greatest magnitude, as the matrix has it.
     *
     * @param x {@code [n][k]}
     * @return {@code [n][m]}
     * @throws IllegalArgumentException if there are not n * k values, or one is NaN or infinite (the message names the first)
     */
    public final float[] matmul(float[] x, int n) {
        float[] y = output(x.length, n);
        matmul(MemorySegment.ofArray(x), MemorySegment.ofArray(y), n);
        return y;
    }

    /** The same into {@code y}: segments on or off the heap; off-heap ones are used in place. */
    public final void matmul(MemorySegment x, MemorySegment y, long n) {
        long xBytes = atLeast("x", x, Float.BYTES, "n", n, "k", k);
        long yBytes = atLeast("y", y, Float.BYTES, "n", n, "m", m);
        Int8Sizes sizes = int8(n);
        long stepBytes = sizes.steps() * Float.BYTES;
        long sumBytes = sizes.sums() * Integer.BYTES;
        long room = Staging.roomIfCopied(x, xBytes) + Staging.roomIfCopied(y, yBytes) + Staging.room(sizes.codes())
                + Staging.room(stepBytes)
                + Staging.room(sumBytes);
        setun.begin();
        try (Staging staging = new Staging(setun.pool(), room)) {
            Int8Rows rows = new Int8Rows(staging.piece(sizes.codes()), staging.piece(stepBytes), staging.piece(sumBytes));
            MemorySegment input = staging.input(x, xBytes);
            quantize(input, n, rows);
            for (long i = 0; i < sizes.steps(); i++) {
                if (!Float.isFinite(rows.step().getAtIndex(ValueLayout.JAVA_FLOAT, i))) {
                    throw notFinite("x", input, k);
                }
            }
            MemorySegment output = staging.output(y, yBytes);
            product(rows, n, output);
            Staging.finish(output, y);
        } finally {
            setun.end();
        }
    }

    /**
     * {@code y = x * W^T} with fp32 activations: {@code |error| <= (k + 4) * 2^-24 * sum|x w|} per output, {@code k + 2} for ternary
     * matrices. NaN and infinities spread as IEEE 754 says.
     *
     * @param x {@code [n][k]}
     * @return {@code [n][m]}
     */
    public final float[] matmulF32(float[] x, int n) {
        float[] y = output(x.length, n);
        matmulF32(MemorySegment.ofArray(x), MemorySegment.ofArray(y), n);
        return y;
    }

    /** The same into {@code y}: segments on or off the heap; off-heap ones are used in place. */
    public final void matmulF32(MemorySegment x, MemorySegment y, long n) {
        long xBytes = atLeast("x", x, Float.BYTES, "n", n, "k", k);
        long yBytes = atLeast("y", y, Float.BYTES, "n", n, "m", m);
        setun.begin();
        long room = Staging.roomIfCopied(x, xBytes) + Staging.roomIfCopied(y, yBytes) + roomF32();
        try (Staging staging = new Staging(setun.pool(), room)) {
            MemorySegment output = staging.output(y, yBytes);
            productF32(staging, staging.input(x, xBytes), n, output);
            Staging.finish(output, y);
        } finally {
            setun.end();
        }
    }

    /** How much the int8 form of some rows takes: bytes of codes, steps, sums. */
    record Int8Sizes(long codes, long steps, long sums) {
    }

    /** Rows of activations as int8. */
    record Int8Rows(MemorySegment codes, MemorySegment step, MemorySegment sum) {
    }

    abstract Int8Sizes int8(long n);

    abstract void quantize(MemorySegment x, long n, Int8Rows into);

    abstract void product(Int8Rows x, long n, MemorySegment y);

    /** Scratch memory of {@link #productF32}. */
    abstract long roomF32();

    abstract void productF32(Staging staging, MemorySegment x, long n, MemorySegment y);

    /** Frees the memory. Closing twice does nothing. */
    @Override
    public final void close() {
        setun.begin();
        try {
            if (buffer.isAlive()) {
                setun.pool().free(buffer);
            }
        } finally {
            setun.end();
        }
    }

    private float[] output(int length, int n) {
        exactly("x", length, "n", n, "k", k);
        long values = MatrixArguments.values("n", n, "m", m);
        if (values > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("n = " + n + " rows of m = " + m + " floats are too many for an array; use segments");
        }
        return new float[(int) values];
    }
}
