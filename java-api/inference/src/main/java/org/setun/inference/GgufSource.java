package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.Buffer;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.TernaryFormat;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.model.GgufTensors;
import org.setun.quant.ptq.SetunGguf;

/** The tensors of a GGUF file. */
final class GgufSource extends GgufTensors implements WeightSource {

    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final GgufFile file;
    private final Backend backend;
    private final MemoryPool memory;

    GgufSource(GgufFile file, SetunGguf stored, Backend backend, MemoryPool memory) {
        super(file, stored, backend);
        this.file = file;
        this.backend = backend;
        this.memory = memory;
    }

    @Override
    public float readTernary(String name, long m, long k, MemorySegment codes) {
        if (tensor(name).rotation().isPresent()) {
            return Float.NaN; // the weights are these codes between two transforms
        }
        GgufTensor info = file.info(name);
        return switch (info.type()) {
            case TQ1_0 -> decode(TernaryFormat.TQ1_0, info, m, k, codes);
            case TQ2_0 -> decode(TernaryFormat.TQ2_0, info, m, k, codes);
            case I2_S -> decode(TernaryFormat.I2_S, info, m, k, codes);
            case Q2_0 -> decodeQ20(info, codes);
            default -> Float.NaN;
        };
    }

    @Override
    public @Nullable IncoherenceTransform transform(String name) {
        return tensor(name).rotation().isPresent() ? rotation(name) : null;
    }

    @Override
    public @Nullable Blocks blocks(String name) {
        WeightFormat own = tensor(name).format().orElse(null);
        if (own != null) {
            return own.kernel().map(kernel -> new Blocks(null, kernel, own.kernelParameter(), file.tensor(name))).orElse(null);
        }
        GgmlType type = file.info(name).type();
        boolean whole = type.blockSize() > 1 && type.tailBytes() == 0 && Dequantizer.supports(type);
        return whole ? new Blocks(type, BlockFormat.ofCode(type.id()).orElse(null), 0, file.tensor(name)) : null;
    }

    private float decode(TernaryFormat format, GgufTensor info, long m, long k, MemorySegment codes) {
        int count = Math.toIntExact(format.scales(m, k));
        Buffer data = memory.allocate(info.bytes());
        Buffer scales = memory.allocate(4L * count);
        try {
            data.segment().copyFrom(file.tensor(info.name())); // kernels take native memory that they may pin; a file mapping can vanish
            try {
                backend.ternaryDecode(format, data.segment(), m, k, codes, scales.segment());
            } catch (IllegalArgumentException e) {
                throw new FormatException(file.name(), info.offset(), "tensor '" + info.name() + "'", e.getMessage(), "", e);
            }
            return commonScale(info, scales.segment(), count, m * k / count, codes);
        } finally {
            memory.free(scales);
            memory.free(data);
        }
    }

    /** Blocks of 64: an f16 scale, then two bits per value, lowest first; the codes 0, 1, 2 and 3 stand for -1, 0, 1 and 2. */
    private float decodeQ20(GgufTensor info, MemorySegment codes) {
        MemorySegment data = file.tensor(info.name());
        int blocks = Math.toIntExact(info.elements() / 64);
        float[] scales = new float[blocks];
        for (int block = 0; block < blocks; block++) {
            scales[block] = Float.float16ToFloat(data.get(HALF, 18L * block));
            for (int i = 0; i < 64; i++) {
                int code = (data.get(ValueLayout.JAVA_BYTE, 18L * block + 2 + i / 4) >> 2 * (i % 4)) & 3;
                if (code == 3) {
                    return Float.NaN; // 2 is no ternary value: this is a general 2-bit matrix
                }
                codes.set(ValueLayout.JAVA_BYTE, 64L * block + i, (byte) (code - 1));
            }
        }
        return commonScale(info, MemorySegment.ofArray(scales), blocks, 64, codes);
    }

    /** The scale that all blocks with a code other than 0 share, 0 if there is no such block; NaN if they differ. */
    private float commonScale(GgufTensor info, MemorySegment scales, int count, long blockSize, MemorySegment codes) {
        float common = 0;
        boolean found = false;
        for (int i = 0; i < count; i++) {
            float scale = scales.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
            if (!Float.isFinite(scale)) {
                throw new FormatException(file.name(), info.offset(), "tensor '" + info.name() + "'", "scale " + i + " is " + scale, "");
            }
            boolean zero = scale == 0 || isZero(codes, i * blockSize, blockSize);
            if (!zero && !found) {
                common = scale;
                found = true;
            } else if (!zero && scale != common) {
                return Float.NaN;
            }
            if (scale == 0) {
                codes.asSlice(i * blockSize, blockSize).fill((byte) 0);
            }
        }
        return common;
    }

    private static boolean isZero(MemorySegment codes, long start, long count) {
        for (long i = start; i < start + count; i++) {
            if (codes.get(ValueLayout.JAVA_BYTE, i) != 0) {
                return false;
            }
        }
        return true;
    }
}
