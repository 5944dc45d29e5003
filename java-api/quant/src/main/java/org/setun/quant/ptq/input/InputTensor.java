package org.setun.quant.ptq.input;

import java.util.Optional;
import org.setun.formats.gguf.GgmlType;

/**
 * One tensor of a model to be quantized.
 *
 * @param name  its GGUF name
 * @param shape slowest dimension first, with GGUF's order of rows
 * @param type  how the input stores it, if that is a GGUF type and its bytes can be taken over as they are
 */
public record InputTensor(String name, long[] shape, Optional<GgmlType> type) {

    /** Values of a row: the last dimension. */
    public int columns() {
        return Math.toIntExact(shape[shape.length - 1]);
    }

    /** Rows of all other dimensions together; 1 for a vector. */
    public long rows() {
        long rows = 1;
        for (int i = 0; i < shape.length - 1; i++) {
            rows = Math.multiplyExact(rows, shape[i]);
        }
        return rows;
    }

    /** All values. */
    public long elements() {
        return Math.multiplyExact(rows(), (long) columns());
    }
}
