package org.setun.quant.export;

/**
 * What an exported file looks like.
 *
 * @param name {@code general.name}
 * @param license {@code general.license}; empty = none stated
 * @param matrices how the blocks' matrices are stored
 * @param scales where the scales of ternary matrices go
 * @param halfTables whether embedding and head are stored in half precision rather than single
 * @param latent whether matrices are written as the optimizer has them, before they are quantized: what a quantizer of files begins with
 */
public record ExportOptions(String name, String license, MatrixType matrices, ScaleStorage scales, boolean halfTables,
        boolean latent) {

    public ExportOptions {
        if (latent && (matrices.isTernary() || matrices == MatrixType.TRAINED)) {
            throw new IllegalArgumentException("latent weights have no codes to be stored as " + matrices + "; choose F32 or F16");
        }
    }

    /** Exact scales, tables in half precision, no licence. */
    public static ExportOptions of(String name, MatrixType matrices) {
        return new ExportOptions(name, "", matrices, ScaleStorage.TENSOR, true, false);
    }

    public ExportOptions withLicense(String text) {
        return new ExportOptions(name, text, matrices, scales, halfTables, latent);
    }

    public ExportOptions withScales(ScaleStorage where) {
        return new ExportOptions(name, license, matrices, where, halfTables, latent);
    }

    public ExportOptions withHalfTables(boolean half) {
        return new ExportOptions(name, license, matrices, scales, half, latent);
    }

    /** Matrices before they are quantized; F32 or F16 alone. */
    public ExportOptions withLatent(boolean before) {
        return new ExportOptions(name, license, matrices, scales, halfTables, before);
    }
}
