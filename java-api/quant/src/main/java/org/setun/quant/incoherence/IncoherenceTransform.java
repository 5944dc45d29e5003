package org.setun.quant.incoherence;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The rotation of one weight matrix W[rows][columns]: {@code W~ = U W V^T}. A layer then runs as {@code y = U^T (W~ (V x))}: {@link #rotateInput},
 * the product, {@link #restoreOutput}. Where nothing is to run, {@link #restoreWeights} takes the rounded matrix back, which folds the rotation into
 * the model at the price of a float matrix.
 *
 * <p>Weights and activations are f32, row-major and off-heap (arrays are copied there and back). Threads: those of the backend.
 */
public final class IncoherenceTransform {

    private static final int TILE = 32;

    private final Incoherence incoherence;
    private final Rotation output;
    private final Rotation input;

    IncoherenceTransform(Incoherence incoherence, Rotation output, Rotation input) {
        this.incoherence = incoherence;
        this.output = output;
        this.input = input;
    }

    /** What it was made from. */
    public Incoherence incoherence() {
        return incoherence;
    }

    /** U, of the outputs. */
    public Rotation output() {
        return output;
    }

    /** V, of the inputs. */
    public Rotation input() {
        return input;
    }

    /** {@code W = U W V^T}, in place. */
    public void rotateWeights(MemorySegment weights) {
        requireFloats("weights", weights, (long) output.size() * input.size());
        input.forward(weights, output.size());
        columnsOf(weights, output::forward);
    }

    /** {@code W = U^T W V}, in place: undoes {@link #rotateWeights}. */
    public void restoreWeights(MemorySegment weights) {
        requireFloats("weights", weights, (long) output.size() * input.size());
        columnsOf(weights, output::inverse);
        input.inverse(weights, output.size());
    }

    /** {@link #rotateWeights} of an array. */
    public void rotateWeights(float[] weights) {
        offHeap(weights, this::rotateWeights);
    }

    /** {@link #restoreWeights} of an array. */
    public void restoreWeights(float[] weights) {
        offHeap(weights, this::restoreWeights);
    }

    /** {@code H = V H V^T}, in place, for a symmetric Hessian f32[columns][columns] of the inputs; the result is symmetric bit for bit. */
    public void rotateHessian(MemorySegment hessian) {
        int n = input.size();
        requireFloats("hessian", hessian, (long) n * n);
        input.forward(hessian, n);
        transpose(hessian, n);
        input.forward(hessian, n);
        for (long i = 0; i < n; i++) {
            for (long j = 0; j < i; j++) {
                float mean = 0.5f * (at(hessian, i * n + j) + at(hessian, j * n + i));
                hessian.setAtIndex(ValueLayout.JAVA_FLOAT, i * n + j, mean);
                hessian.setAtIndex(ValueLayout.JAVA_FLOAT, j * n + i, mean);
            }
        }
    }

    /** {@link #rotateHessian} of an array. */
    public void rotateHessian(float[] hessian) {
        offHeap(hessian, this::rotateHessian);
    }

    /** {@code x = V x} for each row of activations f32[count][columns], in place: before the product. */
    public void rotateInput(MemorySegment x, long count) {
        input.forward(x, count);
    }

    /** {@code y = U^T y} for each row f32[count][rows], in place: after the product. */
    public void restoreOutput(MemorySegment y, long count) {
        output.inverse(y, count);
    }

    private interface OnRows {
        void run(MemorySegment rows, long count);
    }

    private interface OnMatrix {
        void run(MemorySegment matrix);
    }

    /** Runs what works on rows on the columns. */
    private void columnsOf(MemorySegment weights, OnRows operation) {
        int rows = output.size();
        int columns = input.size();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment transposed = arena.allocate(weights.byteSize(), 64);
            transpose(weights, rows, columns, transposed);
            operation.run(transposed, columns);
            transpose(transposed, columns, rows, weights);
        }
    }

    private static void offHeap(float[] values, OnMatrix operation) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment copy = arena.allocate((long) values.length * Float.BYTES, 64);
            MemorySegment.copy(values, 0, copy, ValueLayout.JAVA_FLOAT, 0, values.length);
            operation.run(copy);
            MemorySegment.copy(copy, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length);
        }
    }

    /** {@code to[columns][rows]} of {@code from[rows][columns]}, by tiles that lie in the cache. */
    private static void transpose(MemorySegment from, int rows, int columns, MemorySegment to) {
        for (int i0 = 0; i0 < rows; i0 += TILE) {
            for (int j0 = 0; j0 < columns; j0 += TILE) {
                for (int i = i0; i < Math.min(rows, i0 + TILE); i++) {
                    for (int j = j0; j < Math.min(columns, j0 + TILE); j++) {
                        to.setAtIndex(ValueLayout.JAVA_FLOAT, (long) j * rows + i, at(from, (long) i * columns + j));
                    }
                }
            }
        }
    }

    /** A square matrix, in place. */
    private static void transpose(MemorySegment square, int n) {
        for (long i = 0; i < n; i++) {
            for (long j = 0; j < i; j++) {
                float low = at(square, i * n + j);
                square.setAtIndex(ValueLayout.JAVA_FLOAT, i * n + j, at(square, j * n + i));
                square.setAtIndex(ValueLayout.JAVA_FLOAT, j * n + i, low);
            }
        }
    }

    private static float at(MemorySegment segment, long index) {
        return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    private static void requireFloats(String name, MemorySegment segment, long count) {
        if (segment.byteSize() != count * Float.BYTES) {
            throw new IllegalArgumentException(
                    name + " has " + segment.byteSize() + " bytes but " + count + " floats need " + count * Float.BYTES);
        }
    }
}
