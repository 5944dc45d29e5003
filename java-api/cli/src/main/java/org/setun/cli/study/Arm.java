package org.setun.cli.study;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.Function;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.format.WeightRows;

/**
 * One way to quantize, as a study compares it.
 *
 * @param name          in tables
 * @param bits          of a code
 * @param bitsPerWeight with everything that is stored beside the codes
 * @param rounding      from the weights of a matrix to those that are stored
 */
record Arm(String name, int bits, double bitsPerWeight, Function<float[], float[]> rounding) {

    float[] round(float[] values) {
        return rounding.apply(values);
    }

    /** A grid with levels that are the same for every matrix. */
    static Arm of(Grid grid) {
        return new Arm(grid.name(), grid.bits(), grid.bitsPerWeight(), values -> new GridCoder(grid).round(values));
    }

    /** A grid whose levels are chosen for each matrix. */
    static Arm fitted(String name, int bits, Function<float[], Grid> grid) {
        return new Arm(name, bits, bits + 16.0 / Grid.BLOCK, values -> new GridCoder(grid.apply(values)).round(values));
    }

    /** A format as files hold it. A matrix that does not fill the last block is filled up with zeros. */
    static Arm of(String name, int bits) {
        WeightFormat format = WeightFormats.parse(name);
        return new Arm(format.name(), bits, format.bitsPerWeight(), values -> {
            int blocks = (values.length + format.blockSize() - 1) / format.blockSize();
            int padded = blocks * format.blockSize();
            float[] filled = Arrays.copyOf(values, padded);
            WeightFormat fitted = format.fitted(WeightRows.of(filled, format.blockSize()));
            MemorySegment data = MemorySegment.ofArray(new byte[blocks * fitted.blockBytes()]);
            fitted.encode(filled, 0, padded, null, data, 0);
            fitted.decode(data, 0, padded, filled, 0);
            return Arrays.copyOf(filled, values.length);
        });
    }
}
