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
import org.setun.formats.gguf.blocks.Iq1MDecoder;
import org.setun.formats.gguf.blocks.Iq1SDecoder;
import org.setun.formats.gguf.blocks.Iq2SDecoder;
import org.setun.formats.gguf.blocks.Iq2XsDecoder;
import org.setun.formats.gguf.blocks.Iq2XxsDecoder;
import org.setun.formats.gguf.blocks.Iq3SDecoder;
import org.setun.formats.gguf.blocks.Iq3XxsDecoder;
import org.setun.formats.gguf.blocks.Iq4NlDecoder;
import org.setun.formats.gguf.blocks.Iq4XsDecoder;
import org.setun.formats.gguf.blocks.Q1Decoder;
import org.setun.formats.gguf.blocks.Q2Decoder;
import org.setun.formats.gguf.blocks.Q2KDecoder;
import org.setun.formats.gguf.blocks.Q3KDecoder;
import org.setun.formats.gguf.blocks.Q4Decoder;
import org.setun.formats.gguf.blocks.Q4KDecoder;
import org.setun.formats.gguf.blocks.Q4MinDecoder;
import org.setun.formats.gguf.blocks.Q5Decoder;
import org.setun.formats.gguf.blocks.Q5KDecoder;
import org.setun.formats.gguf.blocks.Q5MinDecoder;
import org.setun.formats.gguf.blocks.Q6KDecoder;
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
            Map.entry(GgmlType.Q4_0, new Q4Decoder()),
            Map.entry(GgmlType.Q4_1, new Q4MinDecoder()),
            Map.entry(GgmlType.Q5_0, new Q5Decoder()),
            Map.entry(GgmlType.Q5_1, new Q5MinDecoder()),
            Map.entry(GgmlType.Q8_0, new Q8Decoder()),
            Map.entry(GgmlType.Q2_K, new Q2KDecoder()),
            Map.entry(GgmlType.Q3_K, new Q3KDecoder()),
            Map.entry(GgmlType.Q4_K, new Q4KDecoder()),
            Map.entry(GgmlType.Q5_K, new Q5KDecoder()),
            Map.entry(GgmlType.Q6_K, new Q6KDecoder()),
            Map.entry(GgmlType.IQ2_XXS, new Iq2XxsDecoder()),
            Map.entry(GgmlType.IQ2_XS, new Iq2XsDecoder()),
            Map.entry(GgmlType.IQ2_S, new Iq2SDecoder()),
            Map.entry(GgmlType.IQ3_XXS, new Iq3XxsDecoder()),
            Map.entry(GgmlType.IQ3_S, new Iq3SDecoder()),
            Map.entry(GgmlType.IQ1_S, new Iq1SDecoder()),
            Map.entry(GgmlType.IQ1_M, new Iq1MDecoder()),
            Map.entry(GgmlType.IQ4_NL, new Iq4NlDecoder()),
            Map.entry(GgmlType.IQ4_XS, new Iq4XsDecoder()),
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
     * Decodes some blocks of a tensor: the {@code count / blockSize} ones from byte {@code at} into {@code values} from index {@code to}.
     *
     * @param count a multiple of the type's block size
     * @throws IllegalArgumentException if the type is not supported, or is I2_S, whose scale lies behind the last block
     * @throws IndexOutOfBoundsException if the blocks or the values do not lie in their memory
     */
    public static void decode(GgmlType type, MemorySegment blocks, long at, int count, float[] values, int to) {
        BlockDecoder decoder = decoder(type);
        if (type.tailBytes() != 0 || count % type.blockSize() != 0) {
            throw new IllegalArgumentException("count = " + count + " values of " + type + " cannot be decoded alone; whole blocks of "
                    + type.blockSize() + " can, of types other than I2_S");
        }
        decoder.decode(blocks.asSlice(at), 0, count / type.blockSize(), values, to);
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

    private static BlockDecoder decoder(GgmlType type) {
        BlockDecoder decoder = DECODERS.get(type);
        if (decoder == null) {
            throw new IllegalArgumentException("type = " + type + " cannot be dequantized, allowed are " + supported());
        }
        return decoder;
    }

    private static BlockDecoder check(GgmlType type, MemorySegment tensor, long elements) {
        BlockDecoder decoder = decoder(type);
        if (tensor.byteSize() != type.bytes(elements)) {
            throw new IllegalArgumentException("tensor = " + tensor.byteSize() + " bytes, but " + elements + " elements of " + type
                    + " take " + type.bytes(elements));
        }
        return decoder;
    }
}
