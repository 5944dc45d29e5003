package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

import static org.setun.kernels.MatrixArguments.atLeast;
import static org.setun.kernels.MatrixArguments.commonScale;
import static org.setun.kernels.MatrixArguments.exactly;
import static org.setun.kernels.MatrixArguments.finite;
import static org.setun.kernels.MatrixArguments.notFinite;
import static org.setun.kernels.MatrixArguments.values;

/**
 * A weight matrix {@code W[m][k]} with codes in {-1, 0, 1} and one scale, packed for the kernels: to 2 bits per weight, or, by
 * {@link #to}, to 1.67.
 *
 * <p>{@link #matmul} quantizes each row of activations to int8 (absmax) and multiplies in integers: the same bits on every machine.
 * {@link #matmulF32} keeps activations in fp32.
 *
 * <p>Threads: immutable, to be shared freely; {@link #close} when no thread uses it. Closing its {@link Setun} closes it, too.
 */
public final class TernaryMatrix extends PackedMatrix {

    private static final long ALIGNMENT = 64;

    private final PackedLayout layout;
    private final float gamma;

    /** @param buffer gamma in the first 64 bytes, then the packed codes */
    private TernaryMatrix(Setun setun, PackedLayout layout, long m, long k, Buffer buffer) {
        super(setun, m, k, buffer);
        this.layout = layout;
        gamma = scale().get(ValueLayout.JAVA_FLOAT, 0);
    }

    /** See {@link Setun#quantize(float[], int, int)}. */
    public static TernaryMatrix quantize(Setun setun, float[] weights, int m, int k) {
        exactly("weights", weights.length, "m", m, "k", k);
        return quantize(setun, MemorySegment.ofArray(weights), m, k);
    }

    /** See {@link Setun#quantize(MemorySegment, long, long)}. */
    public static TernaryMatrix quantize(Setun setun, MemorySegment weights, long m, long k) {
        long bytes = atLeast("weights", weights, Float.BYTES, "m", m, "k", k);
        return create(setun, PackedLayout.PLANES, m, k, (scale, packed) -> {
            try (Staging staging = new Staging(setun.pool(), Staging.roomIfCopied(weights, bytes))) {
                MemorySegment w = staging.input(weights, bytes);
                setun.backend().ternaryQuantizePack(w, m, k, packed, scale);
                if (!Float.isFinite(scale.get(ValueLayout.JAVA_FLOAT, 0))) {
                    throw notFinite("weights", w, k);
                }
            }
        });
    }

    /** See {@link Setun#ofCodes(MemorySegment, long, long, float)}. */
    public static TernaryMatrix ofCodes(Setun setun, MemorySegment codes, long m, long k, float gamma) {
        long bytes = atLeast("codes", codes, Byte.BYTES, "m", m, "k", k);
        finite("gamma", gamma);
        return create(setun, PackedLayout.PLANES, m, k, (scale, packed) -> {
            try (Staging staging = new Staging(setun.pool(), Staging.roomIfCopied(codes, bytes))) {
                setun.backend().ternaryPack(staging.input(codes, bytes), m, k, packed);
                scale.set(ValueLayout.JAVA_FLOAT, 0, gamma);
            }
        });
    }

    /**
     * A matrix from the bytes of an interchange format.
     *
     * @param data exactly {@link TernaryFormat#bytes} bytes, on or off the heap
     * @throws IllegalArgumentException if the data is not ternary, its blocks differ in scale, or the format holds no scale
     *                                  ({@link TernaryFormat#HF_U8}: decode the codes with {@link TernaryOps#ternaryDecode})
     */
    public static TernaryMatrix decode(Setun setun, TernaryFormat format, MemorySegment data, long m, long k) {
        if (format == TernaryFormat.HF_U8) {
            throw new IllegalArgumentException("format = " + format + " holds no scale; one of TQ2_0, TQ1_0, I2_S is allowed");
        }
        long codeBytes = values("m", m, "k", k);
        long scaleBytes = Float.BYTES * format.scales(m, k);
        long dataBytes = format.bytes(m, k);
        requireBytes(data, dataBytes, format, m, k);
        return create(setun, PackedLayout.PLANES, m, k, (scale, packed) -> {
            long room = Staging.roomIfCopied(data, dataBytes) + Staging.room(codeBytes) + Staging.room(scaleBytes);
            try (Staging staging = new Staging(setun.pool(), room)) {
                MemorySegment codes = staging.piece(codeBytes);
                MemorySegment scales = staging.piece(scaleBytes);
                setun.backend().ternaryDecode(format, staging.input(data, dataBytes), m, k, codes, scales);
                scale.set(ValueLayout.JAVA_FLOAT, 0, commonScale(codes, scales));
                setun.backend().ternaryPack(codes, m, k, packed);
            }
        });
    }

    /** The scale: a weight is {@code gamma} times its code. */
    public float gamma() {
        return gamma;
    }

    /** How the codes lie in memory. */
    public PackedLayout layout() {
        return layout;
    }

    /**
     * A new matrix of the same values in another layout. {@link PackedLayout#DENSE} makes {@link #matmul} of one row faster where it waits
     * for memory, and of many rows slower; {@link #matmulF32} then unpacks the matrix on every call.
     */
    public TernaryMatrix to(PackedLayout other) {
        return create(setun, other, m, k, (scale, packed) -> {
            try (Staging staging = new Staging(setun.pool(), Staging.room(m * k))) {
                MemorySegment codes = staging.piece(m * k);
                unpack(codes);
                pack(other, codes, packed);
                scale.set(ValueLayout.JAVA_FLOAT, 0, gamma);
            }
        });
    }

    @Override
    Int8Sizes int8(long n) {
        return new Int8Sizes(n * TernaryOps.paddedK(k), n, n);
    }

    @Override
    void quantize(MemorySegment x, long n, Int8Rows into) {
        setun.backend().quantizeRows(x, n, k, k, into.codes(), into.step(), into.sum());
    }

    @Override
    void product(Int8Rows x, long n, MemorySegment y) {
        setun.backend().ternaryGemm(layout, packed(), m, k, scale(), x.codes(), x.step(), x.sum(), n, null, Activation.NONE, null, y, m,
                null);
    }

    @Override
    long roomF32() {
        return layout == PackedLayout.PLANES ? 0 : Staging.room(m * k) + Staging.room(TernaryOps.packedBytes(m, k));
    }

    @Override
    void productF32(Staging staging, MemorySegment x, long n, MemorySegment y) {
        setun.backend().ternaryGemmF32(planes(staging), m, k, scale(), x, n, k, null, y, m);
    }

    /** The codes, row-major {@code [m][k]}. */
    public byte[] codes() {
        byte[] result = new byte[Math.toIntExact(m * k)];
        setun.begin();
        try (Staging staging = new Staging(setun.pool(), Staging.room(result.length))) {
            MemorySegment codes = staging.piece(result.length);
            unpack(codes);
            MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, 0, result, 0, result.length);
        } finally {
            setun.end();
        }
        return result;
    }

    /**
     * The bytes of an interchange format. {@link TernaryFormat#TQ2_0} and {@link TernaryFormat#TQ1_0} keep the scale as f16 (relative error
     * up to 2^-11 from 2^-14 on, more below), {@link TernaryFormat#I2_S} exactly; {@link TernaryFormat#HF_U8} holds no scale.
     *
     * @throws IllegalArgumentException if {@link #columns()} is not a multiple of the format's block, or the scale is beyond f16 where the
     *                                  format keeps it so
     */
    public byte[] encode(TernaryFormat format) {
        boolean half = format == TernaryFormat.TQ2_0 || format == TernaryFormat.TQ1_0;
        if (half && !Float.isFinite(Float.float16ToFloat(Float.floatToFloat16(gamma)))) {
            throw new IllegalArgumentException("gamma = " + gamma + " is beyond the f16 of " + format + "; at most 65504 is allowed");
        }
        byte[] result = new byte[Math.toIntExact(format.bytes(m, k))];
        long scaleCount = format.scales(m, k);
        setun.begin();
        long room = Staging.room(m * k) + Staging.room(Float.BYTES * scaleCount) + Staging.room(result.length);
        try (Staging staging = new Staging(setun.pool(), room)) {
            MemorySegment codes = staging.piece(m * k);
            MemorySegment scales = staging.piece(Float.BYTES * scaleCount);
            MemorySegment data = staging.piece(result.length);
            unpack(codes);
            setun.backend().fill(scales, scaleCount, gamma);
            setun.backend().ternaryEncode(format, codes, m, k, scales, data);
            MemorySegment.copy(data, ValueLayout.JAVA_BYTE, 0, result, 0, result.length);
        } finally {
            setun.end();
        }
        return result;
    }

    @Override
    public String toString() {
        return "TernaryMatrix[" + m + " x " + k + ", gamma = " + gamma + (layout == PackedLayout.PLANES ? "]" : ", " + layout + "]");
    }

    /** The codes in the layout that all operations take. */
    private MemorySegment planes(Staging staging) {
        if (layout == PackedLayout.PLANES) {
            return packed();
        }
        MemorySegment codes = staging.piece(m * k);
        MemorySegment planes = staging.piece(TernaryOps.packedBytes(m, k));
        unpack(codes);
        pack(PackedLayout.PLANES, codes, planes);
        return planes;
    }

    private void unpack(MemorySegment codes) {
        switch (layout) {
            case PLANES -> setun.backend().ternaryUnpack(packed(), m, k, codes);
            case DENSE -> setun.backend().ternaryDenseUnpack(packed(), m, k, codes);
        }
    }

    private void pack(PackedLayout to, MemorySegment codes, MemorySegment packed) {
        switch (to) {
            case PLANES -> setun.backend().ternaryPack(codes, m, k, packed);
            case DENSE -> setun.backend().ternaryDensePack(codes, m, k, packed);
        }
    }

    /** What gives a new matrix its values. */
    private interface Values {
        void fill(MemorySegment scale, MemorySegment packed);
    }

    private static TernaryMatrix create(Setun setun, PackedLayout layout, long m, long k, Values values) {
        return create(setun, ALIGNMENT + layout.bytes(m, k), buffer -> {
            values.fill(buffer.segment().asSlice(0, Float.BYTES), buffer.segment().asSlice(ALIGNMENT));
            return new TernaryMatrix(setun, layout, m, k, buffer);
        });
    }

    private MemorySegment scale() {
        return buffer.segment().asSlice(0, Float.BYTES);
    }

    private MemorySegment packed() {
        return buffer.segment().asSlice(ALIGNMENT);
    }
}
