package org.setun.quant.export;

import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.TernaryFormat;

/** How an exported file stores the matrices of the blocks. */
public enum MatrixType {
    /** Ternary, 2.06 bits per value; rows of multiples of 256. */
    TQ2_0(GgmlType.TQ2_0, TernaryFormat.TQ2_0, 37),
    /** Ternary, 1.69 bits per value; rows of multiples of 256. */
    TQ1_0(GgmlType.TQ1_0, TernaryFormat.TQ1_0, 36),
    /** Ternary in a 2-bit type, 2.25 bits per value; rows of multiples of 64. For readers from 2026 on. */
    Q2_0(GgmlType.Q2_0, null, 41),
    /** Ternary as Microsoft's fork stores it, 2 bits per value; rows of multiples of 128. */
    I2_S(GgmlType.I2_S, TernaryFormat.I2_S, 40),
    /**
     * Each matrix in the type that holds what it was trained as: codes of levels as they are, blocks of a format as it rounds; half precision for what
     * has neither.
     */
    TRAINED(GgmlType.F16, null, 1024),
    /** Half precision. */
    F16(GgmlType.F16, null, 1),
    /** Single precision: nothing is lost. */
    F32(GgmlType.F32, null, 0);

    private final GgmlType ggmlType;
    private final @Nullable TernaryFormat format;
    private final int fileType;

    MatrixType(GgmlType ggmlType, @Nullable TernaryFormat format, int fileType) {
        this.ggmlType = ggmlType;
        this.format = format;
        this.fileType = fileType;
    }

    /** The type of the tensors, or of {@link #TRAINED} of those that were trained in full precision. */
    public GgmlType ggmlType() {
        return ggmlType;
    }

    /** Whether it holds ternary codes. */
    public boolean isTernary() {
        return this != F16 && this != F32 && this != TRAINED;
    }

    /** The kernel's name of the layout, if a kernel writes it. */
    @Nullable
    TernaryFormat format() {
        return format;
    }

    /** The value of {@code general.file_type}. */
    int fileType() {
        return fileType;
    }
}
