package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Turns the blocks of one type into fp32, bit for bit as ggml's reference code does. Stateless. */
@FunctionalInterface
public interface BlockDecoder {

    /**
     * Decodes {@code blocks} blocks into {@code target} from index {@code at}.
     *
     * @param tensor all bytes of the tensor
     * @param first the index of the first block to decode
     */
    void decode(MemorySegment tensor, long first, int blocks, float[] target, int at);

    /** The unsigned byte at {@code offset}. */
    static int u8(MemorySegment tensor, long offset) {
        return Byte.toUnsignedInt(tensor.get(ValueLayout.JAVA_BYTE, offset));
    }

    /** The 16 bits at {@code offset}. */
    static short i16(MemorySegment tensor, long offset) {
        return tensor.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), offset);
    }

    /** The 32 bits at {@code offset}. */
    static int i32(MemorySegment tensor, long offset) {
        return tensor.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), offset);
    }

    /** The IEEE half at {@code offset}. */
    static float f16(MemorySegment tensor, long offset) {
        return Float.float16ToFloat(i16(tensor, offset));
    }

    /** The float at {@code offset}. */
    static float f32(MemorySegment tensor, long offset) {
        return tensor.get(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), offset);
    }
}
