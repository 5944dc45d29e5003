package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

import static org.setun.kernels.MatrixArguments.atLeast;
import static org.setun.kernels.MatrixArguments.exactly;
import static org.setun.kernels.MatrixArguments.notFinite;

/**
 * A weight matrix {@code W[m][k]} in blocks with scales of their own, as GGUF files hold it, packed for the kernels: about as many bytes as in
 * the file.
 *
 * <p>{@link #matmul} quantizes activations to int8 in blocks of 256 (absmax) and multiplies in whole numbers: the same bits on every machine.
 * {@link #matmulF32} keeps activations in fp32.
 *
 * <p>Threads: immutable, to be shared freely; {@link #close} when no thread uses it. Closing its {@link Setun} closes it, too.
 */
public final class BlockMatrix implements AutoCloseable {

    private final Setun setun;
    private final BlockFormat format;
    private final long m;
    private final long k;
    private final Buffer packed;

    private BlockMatrix(Setun setun, BlockFormat format, long m, long k, Buffer packed) {
        this.setun = setun;
        this.format = format;
        this.m = m;
        this.k = k;
        this.packed = packed;
    }

    /**
     * A matrix from its bytes in a file.
     *
     * @param data exactly {@link BlockFormat#bytes} bytes, on or off the heap; whatever they are, they mean numbers
     * @throws IllegalArgumentException if there are not so many, or {@code k} is not a multiple of the format's block
     * @throws PoolExhaustedException   if the memory budget is used up
     */
    public static BlockMatrix of(Setun setun, BlockFormat format, MemorySegment data, long m, long k) {
        return of(setun, format, 0, data, m, k);
    }

    /**
     * The same of a format with a parameter, such as {@link BlockFormat#PI_TAN3}.
     *
     * @param parameter 0 to {@link BlockFormat#mostParameter}
     */
    public static BlockMatrix of(Setun setun, BlockFormat format, int parameter, MemorySegment data, long m, long k) {
        MatrixArguments.values("m", m, "k", k);
        long bytes = data.byteSize();
        if (bytes != format.bytes(m, k)) {
            throw new IllegalArgumentException(
                    "data has " + bytes + " bytes but m = " + m + " rows of k = " + k + " in " + format + " have "
                            + format.bytes(m, k));
        }
        setun.begin();
        try {
            Buffer packed = setun.pool().allocate(format.packedBytes(m, k));
            try (Staging staging = new Staging(setun.pool(), Staging.roomIfCopied(data, bytes))) {
                setun.backend().blockPack(format, parameter, staging.input(data, bytes), m, k, packed.segment());
                return new BlockMatrix(setun, format, m, k, packed);
            } catch (RuntimeException e) {
                setun.pool().free(packed);
                throw e;
            }
        } finally {
            setun.end();
        }
    }

    /** Outputs. */
    public long rows() {
        return m;
    }

    /** Inputs. */
    public long columns() {
        return k;
    }

    /** How the weights are stored. */
    public BlockFormat format() {
        return format;
    }

    /** Off-heap bytes in use. */
    public long byteSize() {
        return packed.byteSize();
    }

    /**
     * {@code y = x * W^T} with activations quantized to int8 in blocks of 256.
     *
     * @param x {@code [n][k]}
     * @return {@code [n][m]}
     * @throws IllegalArgumentException if there are not n * k values, or one is NaN or infinite (the message names the first)
     */
    public float[] matmul(float[] x, int n) {
        float[] y = output(x.length, n);
        matmul(MemorySegment.ofArray(x), MemorySegment.ofArray(y), n);
        return y;
    }

    /** The same into {@code y}: segments on or off the heap; off-heap ones are used in place. */
    public void matmul(MemorySegment x, MemorySegment y, long n) {
        long xBytes = atLeast("x", x, Float.BYTES, "n", n, "k", k);
        long yBytes = atLeast("y", y, Float.BYTES, "n", n, "m", m);
        long blocks = n * BlockOps.blocks(k);
        long qBytes = blocks * BlockOps.BLOCK;
        long stepBytes = blocks * Float.BYTES;
        long sumBytes = blocks * BlockOps.BLOCK_SUMS * Integer.BYTES;
        long room = Staging.roomIfCopied(x, xBytes) + Staging.roomIfCopied(y, yBytes) + Staging.room(qBytes) + Staging.room(stepBytes)
                + Staging.room(sumBytes);
        setun.begin();
        try (Staging staging = new Staging(setun.pool(), room)) {
            MemorySegment q = staging.piece(qBytes);
            MemorySegment step = staging.piece(stepBytes);
            MemorySegment sum = staging.piece(sumBytes);
            MemorySegment input = staging.input(x, xBytes);
            setun.backend().quantizeBlocks(input, n, k, k, q, step, sum);
            for (long block = 0; block < blocks; block++) {
                if (!Float.isFinite(step.getAtIndex(ValueLayout.JAVA_FLOAT, block))) {
                    throw notFinite("x", input, k);
                }
            }
            MemorySegment output = staging.output(y, yBytes);
            setun.backend().blockGemm(format, packed.segment(), m, k, q, step, sum, n, null, null, output, m);
            Staging.finish(output, y);
        } finally {
            setun.end();
        }
    }

    /**
     * {@code y = x * W^T} with fp32 activations: {@code |error| <= (k + 4) * 2^-24 * sum|x w|} per output. NaN and infinities spread as IEEE 754
     * says.
     *
     * @param x {@code [n][k]}
     * @return {@code [n][m]}
     */
    public float[] matmulF32(float[] x, int n) {
        float[] y = output(x.length, n);
        matmulF32(MemorySegment.ofArray(x), MemorySegment.ofArray(y), n);
        return y;
    }

    /** The same into {@code y}: segments on or off the heap; off-heap ones are used in place. */
    public void matmulF32(MemorySegment x, MemorySegment y, long n) {
        long xBytes = atLeast("x", x, Float.BYTES, "n", n, "k", k);
        long yBytes = atLeast("y", y, Float.BYTES, "n", n, "m", m);
        setun.begin();
        try (Staging staging = new Staging(setun.pool(), Staging.roomIfCopied(x, xBytes) + Staging.roomIfCopied(y, yBytes))) {
            MemorySegment output = staging.output(y, yBytes);
            setun.backend().blockGemmF32(format, packed.segment(), m, k, staging.input(x, xBytes), n, k, null, output, m);
            Staging.finish(output, y);
        } finally {
            setun.end();
        }
    }

    /** The values of {@code rows} rows from {@code row} on, {@code [rows][k]}. */
    public float[] values(long row, long rows) {
        float[] result = new float[Math.toIntExact(MatrixArguments.values("rows", rows, "k", k))];
        setun.begin();
        try (Staging staging = new Staging(setun.pool(), Staging.room((long) Float.BYTES * result.length))) {
            MemorySegment out = staging.piece((long) Float.BYTES * result.length);
            setun.backend().blockExpand(format, packed.segment(), m, k, row, rows, out);
            MemorySegment.copy(out, ValueLayout.JAVA_FLOAT, 0, result, 0, result.length);
        } finally {
            setun.end();
        }
        return result;
    }

    /** Frees the memory. Closing twice does nothing. */
    @Override
    public void close() {
        setun.begin();
        try {
            if (packed.isAlive()) {
                setun.pool().free(packed);
            }
        } finally {
            setun.end();
        }
    }

    @Override
    public String toString() {
        return "BlockMatrix[" + m + " x " + k + ", " + format + "]";
    }

    private float[] output(int length, int n) {
        exactly("x", length, "n", n, "k", k);
        long outputs = MatrixArguments.values("n", n, "m", m);
        if (outputs > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("n = " + n + " rows of m = " + m + " floats are too many for an array; use segments");
        }
        return new float[(int) outputs];
    }
}
