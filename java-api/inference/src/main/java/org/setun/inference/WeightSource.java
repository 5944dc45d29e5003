package org.setun.inference;

import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;
import org.setun.quant.model.TensorSource;

/** The tensors of a model, ternary ones as codes. */
interface WeightSource extends TensorSource {

    /**
     * Reads a matrix [m][k] that {@link #require} passed as ternary codes if the file stores it in a ternary type and all its blocks that are not zero share one scale.
     *
     * @param codes i8[m][k], written
     * @return the scale, or NaN if the matrix is not of that kind; {@code codes} are meaningless then
     * @throws FormatException if the data are not what the type demands
     */
    float readTernary(String name, long m, long k, MemorySegment codes);
}
