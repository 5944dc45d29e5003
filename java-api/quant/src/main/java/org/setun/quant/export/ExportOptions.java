package org.setun.quant.export;

/**
 * What an exported file looks like.
 *
 * @param name {@code general.name}
 * @param license {@code general.license}; empty = none stated
 * @param matrices how the blocks' matrices are stored
 * @param scales where the scales of ternary matrices go
 * @param halfTables whether embedding and head are stored in half precision rather than single
 */
public record ExportOptions(String name, String license, MatrixType matrices, ScaleStorage scales, boolean halfTables) {

    /** Exact scales, tables in half precision, no licence. */
    public static ExportOptions of(String name, MatrixType matrices) {
        return new ExportOptions(name, "", matrices, ScaleStorage.TENSOR, true);
    }

    public ExportOptions withLicense(String text) {
        return new ExportOptions(name, text, matrices, scales, halfTables);
    }

    public ExportOptions withScales(ScaleStorage where) {
        return new ExportOptions(name, license, matrices, where, halfTables);
    }

    public ExportOptions withHalfTables(boolean half) {
        return new ExportOptions(name, license, matrices, scales, half);
    }
}
