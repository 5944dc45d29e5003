package org.setun.inference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.quant.incoherence.IncoherenceTransform;

/** A weight matrix [outputs][inputs] of a loaded model, with its optional bias. */
sealed interface Projection {

    int outputs();

    int inputs();

    @Nullable
    MemorySegment bias();

    /** The form of the rows that the matrix is multiplied with. */
    Input input();

    /** Forms of activation rows. */
    enum Input {
        /** fp32. */
        VALUES,
        /** 8-bit codes with one step for a row. */
        CODES,
        /** 8-bit codes with a step for each block of 256. */
        BLOCKS
    }

    /** {@code y} f32[rows][outputs] = rows * W^T + bias. */
    void apply(Backend backend, Rows rows, MemorySegment y);

    /** {@code y} f32[rows][outputs] += rows * W^T + bias; {@code scratch} has the size of {@code y}. */
    void addTo(Backend backend, Rows rows, MemorySegment y, MemorySegment scratch);

    /** Packed weights that are multiplied with 8-bit codes of the rows, or with their fp32 values, as the model was opened. */
    sealed interface Packed extends Projection {

        /** {@code y = rows * W^T + bias + residual} with the codes of the rows; {@code residual} may be null, or {@code y} itself. */
        void multiplyCodes(Backend backend, Rows rows, @Nullable MemorySegment residual, MemorySegment y);

        /** {@code y = rows * W^T + bias} with their values. */
        void multiplyValues(Backend backend, Rows rows, MemorySegment y);

        @Override
        default void apply(Backend backend, Rows rows, MemorySegment y) {
            if (input() == Input.VALUES) {
                multiplyValues(backend, rows, y);
            } else {
                multiplyCodes(backend, rows, null, y);
            }
        }

        @Override
        default void addTo(Backend backend, Rows rows, MemorySegment y, MemorySegment scratch) {
            if (input() == Input.VALUES) {
                multiplyValues(backend, rows, scratch);
                backend.axpby(1, scratch, 1, y, (long) rows.count() * outputs());
            } else {
                multiplyCodes(backend, rows, y, y);
            }
        }
    }

    /** Packed codes in {-1, 0, 1} and one scale; 8-bit or fp32 activations. */
    record Ternary(int outputs, int inputs, MemorySegment packed, MemorySegment gamma, @Nullable MemorySegment bias,
            Activations activations)
            implements
                Packed {

        @Override
        public Input input() {
            return activations == Activations.INT8 ? Input.CODES : Input.VALUES;
        }

        @Override
        public void multiplyValues(Backend backend, Rows rows, MemorySegment y) {
            backend.ternaryGemmF32(packed, outputs, inputs, gamma, rows.values(), rows.count(), inputs, bias, y, outputs);
        }

        @Override
        public void multiplyCodes(Backend backend, Rows rows, @Nullable MemorySegment residual, MemorySegment y) {
            Rows.Codes codes = rows.codes();
            backend.ternaryGemm(packed, outputs, inputs, gamma, codes.q(), codes.steps(), codes.sums(), rows.count(), bias, residual, y,
                    outputs, null);
        }
    }

    /** Blocks with scales of their own, packed; 8-bit or fp32 activations. */
    record Blocks(int outputs, int inputs, BlockFormat format, MemorySegment packed, @Nullable MemorySegment bias, Activations activations)
            implements
                Packed {

        @Override
        public Input input() {
            return activations == Activations.INT8 ? Input.BLOCKS : Input.VALUES;
        }

        @Override
        public void multiplyValues(Backend backend, Rows rows, MemorySegment y) {
            backend.blockGemmF32(format, packed, outputs, inputs, rows.values(), rows.count(), inputs, bias, y, outputs);
        }

        @Override
        public void multiplyCodes(Backend backend, Rows rows, @Nullable MemorySegment residual, MemorySegment y) {
            Rows.Codes blocks = rows.blocks();
            backend.blockGemm(format, packed, outputs, inputs, blocks.q(), blocks.steps(), blocks.sums(), rows.count(), bias, residual, y,
                    outputs);
        }
    }

    /** Blocks without kernels, as the file has them: a tile of rows is expanded to fp32 when it is multiplied. Slow; for models too large for more. */
    record Tiles(int outputs, int inputs, GgmlType type, MemorySegment data, float scale, @Nullable MemorySegment bias)
            implements
                Projection {

        private static final int ROWS = 32;

        @Override
        public Input input() {
            return Input.VALUES;
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
            long rowBytes = type.bytes(inputs);
            MemorySegment tile = rows.tile((long) ROWS * inputs);
            for (int first = 0; first < outputs; first += ROWS) {
                int count = Math.min(ROWS, outputs - first);
                Dequantizer.decode(type, data.asSlice(first * rowBytes, count * rowBytes), tile.asSlice(0, 4L * count * inputs));
                backend.gemmF32(false, true, rows.count(), count, inputs, scale, rows.values(), inputs, tile, inputs, beta,
                        y.asSlice(4L * first), outputs);
            }
            if (bias != null) {
                backend.biasForward(bias, rows.count(), outputs, y);
            }
        }
    }

    /**
     * A matrix that is stored between two rotations, {@code U W V^T}: runs as {@code y = U^T (W~ (V x))}. Matrices that read the same rows
     * through the
     * same V share its product.
     *
     * @param matrix without a bias
     */
    record Rotated(Projection matrix, IncoherenceTransform transform, @Nullable MemorySegment bias) implements Projection {

        @Override
        public int outputs() {
            return matrix.outputs();
        }

        @Override
        public int inputs() {
            return matrix.inputs();
        }

        @Override
        public Input input() {
            return Input.VALUES;
        }

        @Override
        public void apply(Backend backend, Rows rows, MemorySegment y) {
            matrix.apply(backend, rows.rotated(transform, matrix.input()), y);
            transform.restoreOutput(y.asSlice(0, 4L * rows.count() * outputs()), rows.count());
            if (bias != null) {
                backend.biasForward(bias, rows.count(), outputs(), y);
            }
        }

        @Override
        public void addTo(Backend backend, Rows rows, MemorySegment y, MemorySegment scratch) {
            apply(backend, rows, scratch);
            backend.axpby(1, scratch, 1, y, (long) rows.count() * outputs());
        }
    }

    /** fp32 values, whatever the file stored; {@code scale} multiplies the product. */
    record Dense(int outputs, int inputs, MemorySegment weights, float scale, @Nullable MemorySegment bias) implements Projection {

        @Override
        public Input input() {
            return Input.VALUES;
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
