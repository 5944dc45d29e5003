package org.setun.formats.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.setun.formats.gguf.blocks.Bf16Decoder;
import org.setun.formats.gguf.blocks.BlockDecoder;
import org.setun.formats.gguf.blocks.F16Decoder;
import org.setun.formats.gguf.blocks.F32Decoder;
import org.setun.formats.gguf.blocks.I2sDecoder;
import org.setun.formats.gguf.blocks.Q1Decoder;
import org.setun.formats.gguf.blocks.Q2Decoder;
import org.setun.formats.gguf.blocks.Q4Decoder;
import org.setun.formats.gguf.blocks.Q8Decoder;
import org.setun.formats.gguf.blocks.Tq1Decoder;
import org.setun.formats.gguf.blocks.Tq2Decoder;

/**
 * Turns stored tensors into fp32 in plain Java, bit for bit as ggml's reference code. A new block type is one {@link BlockDecoder} and one
 * row of the table here. Free-threaded.
 */
public final class Dequantizer {

    private static final Map<GgmlType, BlockDecoder> DECODERS = new EnumMap<>(Map.ofEntries(
            Map.entry(GgmlType.F32, new F32Decoder()),
            Map.entry(GgmlType.F16, new F16Decoder()),
            Map.entry(GgmlType.BF16, new Bf16Decoder()),
            Map.entry(GgmlType.Q8_0, new Q8Decoder()),
            Map.entry(GgmlType.Q4_0, new Q4Decoder()),
            Map.entry(GgmlType.TQ1_0, new Tq1Decoder()),
            Map.entry(GgmlType.TQ2_0, new Tq2Decoder()),
            Map.entry(GgmlType.I2_S, new I2sDecoder()),
            Map.entry(GgmlType.Q1_0, new Q1Decoder()),
            Map.entry(GgmlType.Q2_0, new Q2Decoder())));

    private static final int CHUNK = 1 << 14;

    private Dequantizer() {
    }

    /** The types that can be dequantized. */
    public static Set<GgmlType> supported() {
        return Collections.unmodifiableSet(DECODERS.keySet());
    }

    /** Whether {@code type} can be dequantized. */
    public static boolean supports(GgmlType type) {
        return DECODERS.containsKey(type);
    }

    /**
     * Decodes a whole tensor into a new array.
     *
     * @param tensor exactly the bytes of {@code elements} elements of {@code type}
     * @throws IllegalArgumentException if the type is not supported or the sizes do not agree
     */
    public static float[] floats(GgmlType type, MemorySegment tensor, int elements) {
        BlockDecoder decoder = check(type, tensor, elements);
        float[] floats = new float[elements];
        decoder.decode(tensor, 0, elements / type.blockSize(), floats, 0);
        return floats;
    }

    /**
     * Decodes a whole tensor into native memory.
     *
     * @param tensor exactly the bytes of as many elements as {@code target} has room for
     * @param target fp32, a multiple of 4 bytes long
     * @throws IllegalArgumentException if the type is not supported or the sizes do not agree
     */
    public static void decode(GgmlType type, MemorySegment tensor, MemorySegment target) {
        if (target.byteSize() % Float.BYTES != 0) {
            throw new IllegalArgumentException("target = " + target.byteSize() + " bytes is not a multiple of " + Float.BYTES);
        }
        long elements = target.byteSize() / Float.BYTES;
        BlockDecoder decoder = check(type, tensor, elements);
        int chunk = CHUNK / type.blockSize();
        float[] floats = new float[chunk * type.blockSize()];
        long blocks = elements / type.blockSize();
        for (long first = 0; first < blocks; first += chunk) {
            int count = (int) Math.min(chunk, blocks - first);
            decoder.decode(tensor, first, count, floats, 0);
            MemorySegment.copy(floats, 0, target, ValueLayout.JAVA_FLOAT_UNALIGNED, first * type.blockSize() * Float.BYTES,
                    count * type.blockSize());
        }
    }

    private static BlockDecoder check(GgmlType type, MemorySegment tensor, long elements) {
        BlockDecoder decoder = DECODERS.get(type);
        if (decoder == null) {
            throw new IllegalArgumentException("type = " + type + " cannot be dequantized, allowed are " + supported());
        }
        if (tensor.byteSize() != type.bytes(elements)) {
            throw new IllegalArgumentException("tensor = " + tensor.byteSize() + " bytes, but " + elements + " elements of " + type
                    + " take " + type.bytes(elements));
        }
        return decoder;
    }
}
