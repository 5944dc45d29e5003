package org.setun.quant.export;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufMetadata;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.nn.BitLinear;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.quant.QuantPresets;
import org.setun.quant.TernaryWeight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class GgufExporterTest {

    private static final Quantization TERNARY = QuantPresets.bitnetSwiglu().quantization();
    private static final DecoderConfig SWIGLU = config(256, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, true);

    @TempDir
    private Path folder;
    private final Backend backend = new ReferenceBackend();
    private final MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private static DecoderConfig config(int dim, NnOps.Glu activation, boolean subNorms, NnOps.Rope rope, boolean tied) {
        return new DecoderConfig(60, dim, 1, 4, 2, dim / 4, 2 * dim, 128, activation, subNorms, rope, 500_000, 1e-5f, tied);
    }

    private Decoder decoder(DecoderConfig config, Quantization quantization) {
        return new Decoder(config, quantization, pool, DecoderInit.seeded(5));
    }

    private ExportReport export(Decoder decoder, ExportOptions options) throws IOException {
        return GgufExporter.export(backend, decoder, writer -> writer.string("tokenizer.ggml.model", "none"), options,
                folder.resolve("m.gguf"));
    }

    private TernaryWeight ternary(Decoder decoder, String name) {
        for (Linear linear : decoder.linears()) {
            if (linear.weight().name().equals(name)) {
                return (TernaryWeight) ((BitLinear) linear).quantizedWeight(backend);
            }
        }
        throw new AssertionError(name);
    }

    private float gamma(Decoder decoder, String name) {
        return ternary(decoder, name).scales().segment().get(ValueLayout.JAVA_FLOAT, 0);
    }

    private byte[] codes(Decoder decoder, String name) {
        return ternary(decoder, name).unpack(backend, pool).toByteArray();
    }

    @Test
    void metadataDescribeTheModel() throws IOException {
        ExportReport report = export(decoder(SWIGLU, TERNARY), ExportOptions.of("tiny", MatrixType.TQ2_0).withLicense("apache-2.0"));
        assertThat(report.architecture()).isEqualTo("bitnet");
        assertThat(report.scaleError()).isZero();
        assertThat(report.warnings()).isEmpty();
        assertThat(report.bytes()).isEqualTo(Files.size(report.file()));
        try (GgufFile file = GgufFile.open(report.file())) {
            GgufMetadata metadata = file.metadata();
            assertThat(metadata.architecture()).isEqualTo("bitnet");
            assertThat(metadata.string("general.name")).isEqualTo("tiny");
            assertThat(metadata.string("general.license")).isEqualTo("apache-2.0");
            assertThat(metadata.integer("general.quantization_version")).isEqualTo(2);
            assertThat(metadata.integer("general.file_type")).isEqualTo(37);
            assertThat(metadata.integer("bitnet.vocab_size")).isEqualTo(60);
            assertThat(metadata.integer("bitnet.context_length")).isEqualTo(128);
            assertThat(metadata.integer("bitnet.embedding_length")).isEqualTo(256);
            assertThat(metadata.integer("bitnet.block_count")).isEqualTo(1);
            assertThat(metadata.integer("bitnet.feed_forward_length")).isEqualTo(512);
            assertThat(metadata.integer("bitnet.attention.head_count")).isEqualTo(4);
            assertThat(metadata.integer("bitnet.attention.head_count_kv")).isEqualTo(2);
            assertThat(metadata.number("bitnet.attention.layer_norm_rms_epsilon")).isEqualTo(1e-5f);
            assertThat(metadata.integer("bitnet.rope.dimension_count")).isEqualTo(64);
            assertThat(metadata.number("bitnet.rope.freq_base")).isEqualTo(500_000);
            assertThat(metadata.string("bitnet.rope.scaling.type")).isEqualTo("linear");
            assertThat(metadata.number("bitnet.rope.scaling.factor")).isEqualTo(1);
            assertThat(metadata.string("tokenizer.ggml.model")).isEqualTo("none");
            assertThat(file.find("output.weight")).isEmpty();
            assertThat(file.info("token_embd.weight").type()).isEqualTo(GgmlType.F16);
            assertThat(file.info("blk.0.ffn_sub_norm.weight").type()).isEqualTo(GgmlType.F32);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TQ2_0", "TQ1_0", "Q2_0"})
    void codesAndScalesAreThoseOfTheTrainingGraph(MatrixType type) throws IOException {
        Decoder decoder = decoder(SWIGLU, TERNARY);
        ExportReport report = export(decoder, ExportOptions.of("tiny", type));
        assertThat(report.warnings()).hasSize(type == MatrixType.Q2_0 ? 1 : 0);
        try (GgufFile file = GgufFile.open(report.file())) {
            for (Linear linear : decoder.linears()) {
                String name = linear.weight().name();
                assertThat(file.info(name).type()).isEqualTo(type.ggmlType());
                byte[] codes = codes(decoder, name);
                float[] stored = file.floats(name);
                assertThat(stored).hasSameSizeAs(codes);
                for (int i = 0; i < codes.length; i++) {
                    assertThat(stored[i]).isEqualTo(codes[i]);
                }
                assertThat(file.floats(name.replace(".weight", ".scale"))).containsExactly(gamma(decoder, name));
            }
        }
    }

    @Test
    void squaredReluGoesToMicrosoftsFormatWithAWarning() throws IOException {
        Decoder decoder = decoder(config(128, NnOps.Glu.RELU2, true, NnOps.Rope.HALVES, true), TERNARY);
        ExportReport report = export(decoder, ExportOptions.of("tiny", MatrixType.I2_S));
        assertThat(report.architecture()).isEqualTo("bitnet-b1.58");
        assertThat(report.warnings()).singleElement().asString().contains("bitnet.cpp", "ik_llama.cpp", "llama.cpp refuses");
        try (GgufFile file = GgufFile.open(report.file())) {
            assertThat(file.metadata().string("bitnet-b1.58.hidden_activation")).isEqualTo("relu2");
            assertThat(file.find("blk.0.attn_q.scale")).isEmpty();
            float gamma = gamma(decoder, "blk.0.ffn_down.weight");
            byte[] codes = codes(decoder, "blk.0.ffn_down.weight");
            float[] stored = file.floats("blk.0.ffn_down.weight");
            for (int i = 0; i < codes.length; i++) {
                assertThat(stored[i]).isEqualTo(gamma * codes[i]);
            }
        }
        assertThatThrownBy(() -> export(decoder, ExportOptions.of("tiny", MatrixType.TQ2_0))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("I2_S");
    }

    @Test
    void scalesInBlocksAreRoundedAndTheLossIsStated() throws IOException {
        Decoder decoder = decoder(SWIGLU, TERNARY);
        ExportReport report = export(decoder, ExportOptions.of("tiny", MatrixType.TQ2_0).withScales(ScaleStorage.BLOCK));
        assertThat(report.scaleError()).isBetween(1e-9, 0x1p-11);
        assertThat(report.warnings()).singleElement().asString().contains("half precision");
        try (GgufFile file = GgufFile.open(report.file())) {
            assertThat(file.find("blk.0.attn_q.scale")).isEmpty();
            float gamma = gamma(decoder, "blk.0.attn_q.weight");
            for (float value : file.floats("blk.0.attn_q.weight")) {
                assertThat(Math.abs(Math.abs(value) - gamma) <= 0x1p-11 * gamma || value == 0).isTrue();
            }
        }
    }

    @Test
    void scalesBelowHalfPrecisionsRangeAreRaisedByAPowerOfTwoThatTheNormTakesBack() throws IOException {
        Decoder decoder = decoder(SWIGLU, TERNARY);
        Parameter down = decoder.parameter("blk.0.ffn_down.weight");
        backend.axpby(0x1p-12f, down.value().segment(), 0, down.value().segment(), down.shape().size());
        down.markChanged();
        float gamma = gamma(decoder, "blk.0.ffn_down.weight");
        assertThat(gamma).isLessThan(0x1p-15f);
        ExportReport report = export(decoder, ExportOptions.of("tiny", MatrixType.TQ2_0).withScales(ScaleStorage.BLOCK));
        assertThat(report.scaleError()).isLessThanOrEqualTo(0x1p-11);
        try (GgufFile file = GgufFile.open(report.file())) {
            float norm = file.floats("blk.0.ffn_sub_norm.weight")[0];
            float stored = 0;
            for (float value : file.floats("blk.0.ffn_down.weight")) {
                stored = Math.max(stored, value);
            }
            assertThat(norm).isLessThan(1);
            assertThat(Math.abs(stored * norm - gamma)).isLessThanOrEqualTo(0x1p-11f * gamma);
            assertThat(file.floats("blk.0.ffn_norm.weight")).containsOnly(1);
        }
    }

    @Test
    void aTwinWithoutSubNormsBecomesLlamaWithItsRowsInterleaved() throws IOException {
        Decoder decoder = decoder(config(32, NnOps.Glu.SILU, false, NnOps.Rope.HALVES, false), Quantization.NONE);
        float[] before = decoder.parameter("blk.0.attn_q.weight").value().toArray();
        ExportReport report = export(decoder, ExportOptions.of("twin", MatrixType.F32).withHalfTables(false));
        assertThat(report.architecture()).isEqualTo("llama");
        try (GgufFile file = GgufFile.open(report.file())) {
            float[] rows = file.floats("blk.0.attn_q.weight");
            for (int row = 0; row < 32; row++) {
                int source = row / 8 * 8 + row % 8 / 2 + row % 2 * 4; // heads of 8: rows 0 4 1 5 2 6 3 7
                assertThat(java.util.Arrays.copyOfRange(rows, 32 * row, 32 * row + 32))
                        .isEqualTo(java.util.Arrays.copyOfRange(before, 32 * source, 32 * source + 32));
            }
            assertThat(file.floats("blk.0.attn_v.weight")).isEqualTo(decoder.parameter("blk.0.attn_v.weight").value().toArray());
            assertThat(file.floats("output.weight")).isEqualTo(decoder.parameter("output.weight").value().toArray());
        }
        assertThat(decoder.parameter("blk.0.attn_q.weight").value().toArray()).as("the model itself").isEqualTo(before);
    }

    @Test
    void whatNoReaderComputesIsRefusedWithWhatWouldWork() {
        assertRefused(config(128, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, true), TERNARY, MatrixType.TQ2_0, "config.dim = 128", "Q2_0");
        assertRefused(config(72, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, true), TERNARY, MatrixType.TQ1_0, "config.dim = 72", "F16");
        assertRefused(config(72, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, true), TERNARY, MatrixType.Q2_0, "multiples of 64", "F16");
        assertRefused(config(256, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, false), TERNARY, MatrixType.TQ2_0, "tiedHead");
        assertRefused(config(256, NnOps.Glu.SILU, true, NnOps.Rope.INTERLEAVED, true), TERNARY, MatrixType.TQ2_0, "HALVES");
        assertRefused(config(256, NnOps.Glu.RELU2, false, NnOps.Rope.HALVES, true), TERNARY, MatrixType.TQ2_0, "sub norms");
        assertRefused(SWIGLU, Quantization.NONE, MatrixType.TQ2_0, "not trained ternary");
        assertRefused(SWIGLU, TERNARY, MatrixType.I2_S, "TQ2_0");
        DecoderConfig narrow = new DecoderConfig(60, 256, 1, 4, 2, 32, 512, 128, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, 1e4f, 1e-5f,
                true);
        assertRefused(narrow, TERNARY, MatrixType.TQ2_0, "config.heads * config.headDim = 128");
    }

    private void assertRefused(DecoderConfig config, Quantization quantization, MatrixType type, String... parts) {
        assertThatThrownBy(() -> export(decoder(config, quantization), ExportOptions.of("x", type)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(parts);
        assertThat(folder.resolve("m.gguf")).doesNotExist();
    }

    @Test
    void aDivergedModelIsRefusedAndTheOldFileStays() throws IOException {
        Decoder decoder = decoder(SWIGLU, TERNARY);
        byte[] before = Files.readAllBytes(export(decoder, ExportOptions.of("good", MatrixType.TQ2_0)).file());
        MemorySegment table = decoder.parameter("token_embd.weight").value().segment();
        table.setAtIndex(ValueLayout.JAVA_FLOAT, 9, Float.NaN);
        assertThatThrownBy(() -> export(decoder, ExportOptions.of("bad", MatrixType.TQ2_0))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("token_embd.weight holds NaN at index 9");
        table.setAtIndex(ValueLayout.JAVA_FLOAT, 9, 1e6f);
        assertThatThrownBy(() -> export(decoder, ExportOptions.of("bad", MatrixType.TQ2_0))).hasMessageContaining("beyond half precision");
        table.setAtIndex(ValueLayout.JAVA_FLOAT, 9, 0);
        Parameter gate = decoder.parameter("blk.0.ffn_gate.weight");
        gate.value().segment().setAtIndex(ValueLayout.JAVA_FLOAT, 0, Float.NaN);
        gate.markChanged();
        assertThatThrownBy(() -> export(decoder, ExportOptions.of("bad", MatrixType.TQ2_0))).hasMessageContaining("blk.0.ffn_gate.weight");
        assertThat(Files.readAllBytes(folder.resolve("m.gguf"))).isEqualTo(before);
        try (var files = Files.list(folder)) {
            assertThat(files.count()).isEqualTo(1);
        }
    }
}
