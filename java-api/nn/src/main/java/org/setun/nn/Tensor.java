package org.setun.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Buffer;
import org.setun.kernels.TernaryOps;

/**
 * A view of a {@link Buffer}: contiguous rows of one element type. Making a tensor or a view copies nothing; the tensor does not own its
 * memory, and every access after the buffer's end throws {@link IllegalStateException}. On a {@link Tape} a tensor is known by its
 * identity: a view is another tensor, without the gradient of the first.
 *
 * <p>Immutable, except for the elements; elements are not synchronized between threads.
 */
public final class Tensor {

    private final Buffer buffer;
    private final long offset;
    private final long bytes;
    private final DType type;
    private final Shape shape;
    private final @Nullable Parameter parameter;

    private Tensor(Buffer buffer, long offset, DType type, Shape shape, @Nullable Parameter parameter) {
        this.buffer = buffer;
        this.offset = offset;
        this.type = type;
        this.shape = shape;
        this.parameter = parameter;
        bytes = type.bytes(shape.rows(), shape.columns());
        if (offset < 0 || bytes > buffer.byteSize() - offset) {
            throw new IllegalArgumentException("a tensor " + type + shape + " of " + bytes + " bytes at offset " + offset
                    + " does not fit into a buffer of " + buffer.byteSize() + " bytes");
        }
    }

    /** A tensor over bytes {@code offset ...} of {@code buffer}. */
    public static Tensor of(Buffer buffer, long offset, DType type, Shape shape) {
        return new Tensor(buffer, offset, type, shape, null);
    }

    /** A new tensor with undefined contents. */
    public static Tensor allocate(Allocator allocator, DType type, Shape shape) {
        return allocate(allocator, type, shape, null);
    }

    /** A new tensor with undefined contents. */
    public static Tensor allocate(Allocator allocator, DType type, long... dimensions) {
        return allocate(allocator, type, Shape.of(dimensions), null);
    }

    static Tensor allocate(Allocator allocator, DType type, Shape shape, @Nullable Parameter parameter) {
        long bytes = type.bytes(shape.rows(), shape.columns());
        return new Tensor(allocator.allocate(bytes), 0, type, shape, parameter);
    }

    /** A new F32 tensor with the given elements. */
    public static Tensor of(Allocator allocator, float[] values, long... dimensions) {
        Tensor tensor = allocate(allocator, DType.F32, dimensions);
        tensor.copyFrom(values);
        return tensor;
    }

    /** A new I32 tensor with the given elements. */
    public static Tensor of(Allocator allocator, int[] values, long... dimensions) {
        Tensor tensor = allocate(allocator, DType.I32, dimensions);
        tensor.requireCount(values.length);
        MemorySegment.copy(values, 0, tensor.segment(), ValueLayout.JAVA_INT, 0, values.length);
        return tensor;
    }

    /**
     * The memory of this tensor, exactly.
     *
     * @throws IllegalStateException if the buffer was freed, released or closed
     */
    public MemorySegment segment() {
        return buffer.segment().asSlice(offset, bytes);
    }

    public DType type() {
        return type;
    }

    public Shape shape() {
        return shape;
    }

    /** Number of elements. */
    public long size() {
        return shape.size();
    }

    /** The product of all dimensions but the last. */
    public long rows() {
        return shape.rows();
    }

    /** The last dimension. */
    public long columns() {
        return shape.columns();
    }

    public long byteSize() {
        return bytes;
    }

    /** False once the memory is gone. */
    public boolean isAlive() {
        return buffer.isAlive();
    }

    /** The same elements in another shape of the same size; packed codes must keep their row length. */
    public Tensor reshape(long... dimensions) {
        Shape changed = Shape.of(dimensions);
        if (changed.size() != shape.size() || (type == DType.CODES && changed.columns() != shape.columns())) {
            throw new IllegalArgumentException("cannot reshape " + this + " to " + changed);
        }
        return new Tensor(buffer, offset, type, changed, null);
    }

    /** Entries {@code from} (inclusive) to {@code to} (exclusive) of the first dimension. Packed codes are cut between groups of 4 rows only. */
    public Tensor slice(long from, long to) {
        long first = shape.dimension(0);
        if (from < 0 || to < from || to > first) {
            throw new IllegalArgumentException("cannot take entries " + from + " to " + to + " of " + this);
        }
        return new Tensor(buffer, offset + (first == 0 ? 0 : start(from, first)), type, shape.withFirst(to - from), null);
    }

    private long start(long entry, long entries) {
        if (type != DType.CODES) {
            return entry * (bytes / entries);
        }
        long rows = entry * (shape.rows() / entries);
        if (rows % TernaryOps.GROUP_ROWS != 0) {
            throw new IllegalArgumentException("cannot cut " + this + " at row " + rows + ": packed codes come in groups of "
                    + TernaryOps.GROUP_ROWS + " rows");
        }
        return type.bytes(rows, shape.columns());
    }

    /** A copy of the elements of an F32 tensor. */
    public float[] toArray() {
        requireType(DType.F32);
        return segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    /** A copy of the elements of an I32 tensor. */
    public int[] toIntArray() {
        requireType(DType.I32);
        return segment().toArray(ValueLayout.JAVA_INT);
    }

    /** A copy of the bytes. */
    public byte[] toByteArray() {
        return segment().toArray(ValueLayout.JAVA_BYTE);
    }

    /** The only element of an F32 or F64 tensor of size 1. */
    public double item() {
        requireCount(1);
        return switch (type) {
            case F32 -> segment().get(ValueLayout.JAVA_FLOAT, 0);
            case F64 -> segment().get(ValueLayout.JAVA_DOUBLE, 0);
            default -> throw new IllegalArgumentException(this + " is neither F32 nor F64");
        };
    }

    /** Overwrites the elements of an F32 tensor. */
    public void copyFrom(float[] values) {
        requireType(DType.F32);
        requireCount(values.length);
        MemorySegment.copy(values, 0, segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
    }

    /** Overwrites the elements with those of a tensor of the same type and size. */
    public void copyFrom(Tensor source) {
        if (source.type != type || source.size() != size() || source.bytes != bytes) {
            throw new IllegalArgumentException("cannot copy " + source + " to " + this);
        }
        segment().copyFrom(source.segment());
    }

    /** Sets all bytes to 0. */
    public void clear() {
        segment().fill((byte) 0);
    }

    /**
     * Checks an argument of an operation.
     *
     * @param name       how the message calls this tensor
     * @param dimensions the expected shape, -1 where any length is allowed
     * @return this
     * @throws IllegalArgumentException that names the argument, its type and shape, and what is allowed
     */
    public Tensor require(String name, DType expected, long... dimensions) {
        boolean fits = type == expected && shape.rank() == dimensions.length;
        for (int i = 0; fits && i < dimensions.length; i++) {
            fits = dimensions[i] == -1 || dimensions[i] == shape.dimension(i);
        }
        if (!fits) {
            throw new IllegalArgumentException(name + " is " + this + ", must be " + expected
                    + Arrays.toString(dimensions).replace("-1", "any"));
        }
        return this;
    }

    /** The parameter whose value this tensor is, if any. */
    @Nullable
    Parameter parameter() {
        return parameter;
    }

    Buffer buffer() {
        return buffer;
    }

    private void requireType(DType expected) {
        if (type != expected) {
            throw new IllegalArgumentException(this + " is not of type " + expected);
        }
    }

    private void requireCount(long count) {
        if (shape.size() != count) {
            throw new IllegalArgumentException(this + " has " + shape.size() + " elements, not " + count);
        }
    }

    /** For example {@code F32[2, 3]}. */
    @Override
    public String toString() {
        return type + shape.toString();
    }
}
