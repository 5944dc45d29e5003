package org.setun.quant.ptq;

import java.util.Optional;
import org.setun.formats.gguf.GgmlType;
import org.setun.quant.format.WeightFormat;

/**
 * What becomes of one tensor.
 *
 * @param name     its GGUF name
 * @param shape    of its values, slowest dimension first
 * @param format   how it will be stored
 * @param rotation what it is multiplied with before; empty for most
 * @param rounding how its values become codes
 * @param kept     whether a rule of the user chose the format, so that nothing else may
 * @param copied   whether the input's bytes are taken over as they are
 * @param note     why the format is not the one that was asked for; empty if it is
 */
public record PlannedTensor(String name, long[] shape, WeightFormat format, Optional<StoredRotation> rotation, RoundingMethod rounding,
        boolean kept, boolean copied, String note) {

    /** Values of a row. */
    public int columns() {
        return Math.toIntExact(shape[shape.length - 1]);
    }

    /** Rows of all other dimensions together. */
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

    /** Bytes of a row. */
    public long rowBytes() {
        return format.rowBytes(columns());
    }

    /** Bytes of all rows. */
    public long bytes() {
        return Math.multiplyExact(rows(), rowBytes());
    }

    /** Whether it is a matrix of a block, which takes the format that was asked for if it can. */
    public boolean isBlockMatrix() {
        return isBlockMatrix(name, shape);
    }

    /** Whether a tensor of this name and shape is a matrix of a block; routers of experts are none. */
    public static boolean isBlockMatrix(String name, long[] shape) {
        return Planner.isBlockMatrix(name, shape);
    }

    /** Whether GGUF has no type for the format. */
    public boolean ownFormat() {
        return format.ggmlType().isEmpty();
    }

    /** The type of the tensor in the file. */
    GgmlType ggufType() {
        return format.ggmlType().orElse(GgmlType.I8);
    }

    /** The shape of the tensor in the file. */
    long[] ggufShape() {
        return ownFormat() ? new long[]{rows(), rowBytes()} : shape;
    }

    /** The same with the parameters of its format and the structure of its rotation known. */
    PlannedTensor with(WeightFormat fitted, Optional<StoredRotation> known) {
        return new PlannedTensor(name, shape, fitted, known, rounding, kept, copied, note);
    }

    /** The same in another format, which is rounded to nearest if its bytes are the input's. */
    PlannedTensor in(WeightFormat other, boolean takenOver, String why) {
        return new PlannedTensor(name, shape, other, rotation, takenOver ? RoundingMethod.NEAREST : rounding, kept, takenOver, why);
    }
}
