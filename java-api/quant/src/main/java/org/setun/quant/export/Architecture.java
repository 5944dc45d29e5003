package org.setun.quant.export;

import org.setun.kernels.NnOps;
import org.setun.nn.DecoderConfig;

/** The GGUF architecture that computes a decoder, with what it demands of it. */
enum Architecture {
    /** Norms before the output and down projections, SwiGLU. */
    BITNET("bitnet"),
    /** The same with squared ReLU, as Microsoft's tools name it. */
    BITNET_B158("bitnet-b1.58"),
    /** No such norms, SwiGLU, interleaved rotary pairs. */
    LLAMA("llama"),
    /** The same with rotary pairs of halves and biases of queries, keys and values. */
    QWEN2("qwen2"),
    /** With rotary pairs of halves, and norms of query and key heads. */
    QWEN3("qwen3");

    private final String label;

    Architecture(String label) {
        this.label = label;
    }

    /** The value of {@code general.architecture}. */
    String label() {
        return label;
    }

    /**
     * The architecture of {@code config}, once all that a reader assumes is checked.
     *
     * @throws IllegalArgumentException naming what no architecture offers and what to train or choose instead
     */
    static Architecture of(DecoderConfig config, MatrixType matrices) {
        if (!config.subNorms() && config.activation() == NnOps.Glu.RELU2) {
            throw new IllegalArgumentException("config.activation = RELU2 without sub norms: no GGUF architecture computes it; "
                    + "train with sub norms, or with SILU");
        }
        Architecture architecture = ofFamily(config);
        architecture.requireShape(config);
        architecture.requireType(matrices);
        requireRows(config, matrices);
        return architecture;
    }

    private static Architecture ofFamily(DecoderConfig config) {
        if (config.qkvBias() || config.headNorms()) {
            if (config.subNorms() || config.qkvBias() && config.headNorms() || config.rope() != NnOps.Rope.HALVES) {
                throw new IllegalArgumentException("config.qkvBias = " + config.qkvBias() + ", config.headNorms = " + config.headNorms()
                        + ", config.subNorms = " + config.subNorms() + ", config.rope = " + config.rope()
                        + ": no GGUF architecture computes it; Qwen 2 has the biases and Qwen 3 the norms alone, both rotate HALVES");
            }
            return config.qkvBias() ? QWEN2 : QWEN3;
        }
        return !config.subNorms() ? LLAMA : config.activation() == NnOps.Glu.SILU ? BITNET : BITNET_B158;
    }

    private void requireShape(DecoderConfig config) {
        if (this != BITNET && this != BITNET_B158) {
            return;
        }
        if (!config.tiedHead()) {
            throw new IllegalArgumentException(
                    "config.tiedHead = false: architecture " + label + " has no head of its own; train with a tied head");
        }
        if (config.rope() != NnOps.Rope.HALVES) {
            throw new IllegalArgumentException("config.rope = " + config.rope() + ": architecture " + label + " rotates HALVES");
        }
        if (config.heads() * config.headDim() != config.dim()) {
            throw new IllegalArgumentException(
                    "config.heads * config.headDim = " + config.heads() * config.headDim() + " must be config.dim = "
                            + config.dim() + " in architecture " + label);
        }
    }

    private void requireType(MatrixType matrices) {
        if (this == BITNET_B158 && matrices.isTernary() && matrices != MatrixType.I2_S) {
            throw new IllegalArgumentException(
                    "matrices = " + matrices + " of a squared-ReLU model: engines that read this type compute SwiGLU in "
                            + "its place and would give wrong text without a warning; export as I2_S");
        }
        if (this != BITNET_B158 && matrices == MatrixType.I2_S) {
            throw new IllegalArgumentException(
                    "matrices = I2_S of a SwiGLU model: engines that read I2_S compute squared ReLU in its place; "
                            + "export as TQ2_0 or TQ1_0");
        }
    }

    private static void requireRows(DecoderConfig config, MatrixType matrices) {
        int block = matrices.ggmlType().blockSize();
        int[] rows = {config.dim(), config.heads() * config.headDim(), config.ffn()};
        String[] names = {"config.dim", "config.heads * config.headDim", "config.ffn"};
        for (int i = 0; i < rows.length; i++) {
            if (rows[i] % block != 0) {
                throw new IllegalArgumentException(names[i] + " = " + rows[i] + " is the length of a matrix row, and " + matrices
                        + " needs multiples of " + block + "; " + alternative(config, matrices));
            }
        }
    }

    private static String alternative(DecoderConfig config, MatrixType matrices) {
        boolean fits = config.dim() % 64 == 0 && config.heads() * config.headDim() % 64 == 0 && config.ffn() % 64 == 0;
        boolean offered = matrices == MatrixType.TQ2_0 || matrices == MatrixType.TQ1_0;
        return offered && fits ? "export as Q2_0, whose rows are multiples of 64 (readers from 2026 on)" : "export as F16 or F32";
    }
}
