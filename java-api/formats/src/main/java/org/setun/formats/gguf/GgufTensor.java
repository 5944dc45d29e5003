package org.setun.formats.gguf;

import java.util.List;

/**
 * One tensor of a GGUF file.
 *
 * @param name the name, such as {@code blk.0.attn_q.weight}
 * @param type the element type
 * @param dims the dimensions as the file has them, fastest first: a weight {@code [out][in]} is {@code [in, out]} here
 * @param offset where its bytes start, from the start of the file
 * @param bytes how many bytes it takes
 */
public record GgufTensor(String name, GgmlType type, List<Long> dims, long offset, long bytes) {

    /** Copies the dimensions. */
    public GgufTensor {
        dims = List.copyOf(dims);
    }

    /** The shape in row-major order, slowest first: {@code [out, in]} for a weight. */
    public long[] shape() {
        return dims.reversed().stream().mapToLong(Long::longValue).toArray();
    }

    /** The number of elements. */
    public long elements() {
        return dims.stream().mapToLong(Long::longValue).reduce(1, Math::multiplyExact);
    }
}
