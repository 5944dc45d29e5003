package org.setun.inference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;

/** A weight matrix [outputs][inputs] of a loaded model, with its optional bias. */
sealed interface Projection {

    int outputs();

    int inputs();

    @Nullable
    MemorySegment bias();

    /** Whether the matrix is multiplied with 8-bit codes of the rows, not with their fp32 values. */
    boolean takesCodes();

    /** {@code y} f32[rows][outputs] = rows * W^T + bias. */
    void apply(Backend backend, Rows rows, MemorySegment y);

    /** {@code y} f32[rows][outputs] += rows * W^T + bias; {@code scratch} has the size of {@code y}. */
    void addTo(Backend backend, Rows rows, MemorySegment y, MemorySegment scratch);

    /** Packed codes in {-1, 0, 1} and one scale; 8-bit or fp32 activations. */
    record Ternary(int outputs, int inputs, MemorySegment packed, MemorySegment gamma, @Nullable MemorySegment bias,
            Activations activations)
            implements
                Projection {

        @Override
        public boolean takesCodes() {
            return activations == Activations.INT8;
        }

        @Override
        public void apply(Backend backend, Rows rows, MemorySegment y) {
            if (takesCodes()) {
                multiplyQuantized(backend, rows, null, y);
            } else {
                backend.ternaryGemmF32(packed, outputs, inputs, gamma, rows.values(), rows.count(), inputs, bias, y, outputs);
            }
        }

        @Override
        public void addTo(Backend backend, Rows rows, MemorySegment y, MemorySegment scratch) {
            if (takesCodes()) {
                multiplyQuantized(backend, rows, y, y);
            } else {
                apply(backend, rows, scratch);
                backend.axpby(1, scratch, 1, y, (long) rows.count() * outputs);
            }
        }

        private void multiplyQuantized(Backend backend, Rows rows, @Nullable MemorySegment residual, MemorySegment y) {
            backend.ternaryGemm(packed, outputs, inputs, gamma, rows.codes(), rows.steps(), rows.sums(), rows.count(), bias, residual, y,
                    outputs, null);
        }
    }

    /** fp32 values, whatever the file stored; {@code scale} multiplies the product. */
    record Dense(int outputs, int inputs, MemorySegment weights, float scale, @Nullable MemorySegment bias) implements Projection {

        @Override
        public boolean takesCodes() {
            return false;
        }

        @Override
        public void apply(Backend backend, Rows rows, MemorySegment y) {
            multiply(backend, rows, 0, y);
        }

        @Override
        public void addTo(Backend backend, Rows rows, MemorySegment y, MemorySegment scratch) {
            multiply(backend, rows, 1, y);
        }

        private void multiply(Backend backend, Rows rows, float beta, MemorySegment y) {
            backend.gemmF32(false, true, rows.count(), outputs, inputs, scale, rows.values(), inputs, weights, inputs, beta, y, outputs);
            if (bias != null) {
                backend.biasForward(bias, rows.count(), outputs, y);
            }
        }
    }
}
