package org.setun.quant.activation;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.Initializer;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Keeps the values of largest magnitude in each row, sets the others to 0, and rounds what is left: BitNet a4.8 (arXiv 2411.04965) does so with 8 bits
 * before the output projection. Of equal magnitudes the first stay. The gradient passes straight through, the values that were set to 0 included, as in
 * Q-Sparse (arXiv 2407.10969): else what is small once would stay small for ever.
 *
 * @param quantizer what rounds, without state
 * @param keep      share of a row that stays, above 0, at most 1; at least one value does
 */
public record SparseRows(ActivationQuantizer quantizer, double keep) implements ActivationQuantizer {

    private static final int DIGIT = 8;
    private static final int DIGITS = 1 << DIGIT;

    public SparseRows {
        if (!(keep > 0 && keep <= 1)) {
            throw new IllegalArgumentException("keep = " + keep + " must be above 0 and at most 1");
        }
        RowCodes.requireStateless(quantizer);
    }

    @Override
    public String name() {
        return String.format(Locale.ROOT, "top%.0f%%-%s", 100 * keep, quantizer.name());
    }

    @Override
    public ActivationQuantizer at(String place, Initializer initializer, long columns) {
        quantizer.at(place, initializer, columns);
        return this;
    }

    @Override
    public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
        x.require("x", DType.F32, -1, -1);
        Tensor sparse = Tensor.allocate(allocator, DType.F32, x.shape());
        int k = Math.toIntExact(x.columns());
        int wanted = (int) Math.max(1, Math.ceil(keep * k));
        float[] row = new float[k];
        int[] counts = new int[DIGITS];
        for (long i = 0; i < x.rows(); i++) {
            MemorySegment.copy(x.segment(), JAVA_FLOAT, i * k * Float.BYTES, row, 0, k);
            sparsify(row, Math.min(wanted, k), counts);
            MemorySegment.copy(row, 0, sparse.segment(), JAVA_FLOAT, i * k * Float.BYTES, k);
        }
        return quantizer.quantize(backend, sparse, allocator);
    }

    /** Finds the {@code wanted}-th largest magnitude digit by digit (magnitudes have the order of their bits, NaN above all) and clears what is below. */
    private static void sparsify(float[] row, int wanted, int[] counts) {
        int threshold = 0;
        int mask = 0;
        int left = wanted; // of those that begin with the digits of the threshold
        for (int shift = Integer.SIZE - DIGIT; shift >= 0; shift -= DIGIT) {
            Arrays.fill(counts, 0);
            for (float value : row) {
                int bits = magnitude(value);
                if ((bits & mask) == threshold) {
                    counts[bits >>> shift & DIGITS - 1]++;
                }
            }
            int digit = DIGITS - 1;
            while (counts[digit] < left) {
                left -= counts[digit--];
            }
            threshold |= digit << shift;
            mask |= DIGITS - 1 << shift;
        }
        for (int i = 0; i < row.length; i++) {
            int bits = magnitude(row[i]);
            if (bits < threshold || bits == threshold && left-- <= 0) {
                row[i] = 0;
            }
        }
    }

    private static int magnitude(float value) {
        return Float.floatToRawIntBits(value) & Integer.MAX_VALUE;
    }

    @Override
    public void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
        quantizer.dequantize(backend, rows, out);
    }

    @Override
    public boolean hasIntegerProduct() {
        return quantizer.hasIntegerProduct();
    }
}
