package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A weight matrix {@code W[m][k]} in blocks with scales of their own, as GGUF files hold it, packed for the kernels: about as many bytes as in
 * the file.
 *
 * <p>{@link #matmul} quantizes activations to int8 in blocks of 256 (absmax) and multiplies in whole numbers: the same bits on every machine.
 * {@link #matmulF32} keeps activations in fp32.
 *
 * <p>Threads: immutable, to be shared freely; {@link #close} when no thread uses it. Closing its {@link Setun} closes it, too.
 */
public final class BlockMatrix extends PackedMatrix {

    private final BlockFormat format;

    private BlockMatrix(Setun setun, BlockFormat format, long m, long k, Buffer packed) {
        super(setun, m, k, packed);
        this.format = format;
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
        long bytes = format.bytes(m, k);
        requireBytes(data, bytes, format, m, k);
        return create(setun, format.packedBytes(m, k), packed -> {
            try (Staging staging = new Staging(setun.pool(), Staging.roomIfCopied(data, bytes))) {
                setun.backend().blockPack(format, parameter, staging.input(data, bytes), m, k, packed.segment());
                return new BlockMatrix(setun, format, m, k, packed);
            }
        });
    }

    /** How the weights are stored. */
    public BlockFormat format() {
        return format;
    }

    @Override
    Int8Sizes int8(long n) {
        long blocks = n * BlockOps.blocks(k);
        return new Int8Sizes(blocks * BlockOps.BLOCK, blocks, blocks * BlockOps.BLOCK_SUMS);
    }

    @Override
    void quantize(MemorySegment x, long n, Int8Rows into) {
        setun.backend().quantizeBlocks(x, n, k, k, into.codes(), into.step(), into.sum());
    }

    @Override
    void product(Int8Rows x, long n, MemorySegment y) {
        setun.backend().blockGemm(format, buffer.segment(), m, k, x.codes(), x.step(), x.sum(), n, null, null, y, m);
    }

    @Override
    long roomF32() {
        return 0;
    }

    @Override
    void productF32(Staging staging, MemorySegment x, long n, MemorySegment y) {
        setun.backend().blockGemmF32(format, buffer.segment(), m, k, x, n, k, null, y, m);
    }

    /** The values of {@code rows} rows from {@code row} on, {@code [rows][k]}. */
    public float[] values(long row, long rows) {
        float[] result = new float[Math.toIntExact(MatrixArguments.values("rows", rows, "k", k))];
        setun.begin();
        try (Staging staging = new Staging(setun.pool(), Staging.room((long) Float.BYTES * result.length))) {
            MemorySegment out = staging.piece((long) Float.BYTES * result.length);
            setun.backend().blockExpand(format, buffer.segment(), m, k, row, rows, out);
            MemorySegment.copy(out, ValueLayout.JAVA_FLOAT, 0, result, 0, result.length);
        } finally {
            setun.end();
        }
        return result;
    }

    @Override
    public String toString() {
        return "BlockMatrix[" + m + " x " + k + ", " + format + "]";
    }
}
