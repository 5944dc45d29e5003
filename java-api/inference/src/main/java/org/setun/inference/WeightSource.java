package org.setun.inference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.BlockFormat;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.model.TensorSource;

/** The tensors of a model, ternary ones as codes, those in blocks as they are. */
interface WeightSource extends TensorSource {

    /**
     * Reads a matrix [m][k] that {@link #require} passed as ternary codes if the file stores it in a ternary type and all its blocks that
     * are not zero share one scale.
     *
     * @param codes i8[m][k], written
     * @return the scale, or NaN if the matrix is not of that kind; {@code codes} are meaningless then
     * @throws FormatException if the data are not what the type demands
     */
    float readTernary(String name, long m, long k, MemorySegment codes);

    /**
     * The bytes of a matrix [m][k] that {@link #require} passed, where the file stores it in blocks whose rows stand for themselves.
     *
     * @return valid while the file is open; null if the matrix is stored in another way
     */
    @Nullable
    Blocks blocks(String name);

    /**
     * A matrix as the file holds it.
     *
     * @param type      of the blocks; null if they are of a format that only Setun knows
     * @param kernel    that multiplies them as they are; null if there is none. One of the two is there
     * @param parameter that packing for the kernel takes
     */
    record Blocks(@Nullable GgmlType type, @Nullable BlockFormat kernel, int parameter, MemorySegment data) {
    }

    /** What a matrix that {@link #require} passed is stored between; null for nothing. {@link #readFloats} gives the values without it. */
    default @Nullable IncoherenceTransform transform(String name) {
        return null;
    }
}
