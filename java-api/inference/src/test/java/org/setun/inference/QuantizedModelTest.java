package org.setun.inference;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;
import org.setun.kernels.Backend;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.ptq.QuantizeJob;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.quant.ptq.QuantizeReport;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Models as {@link QuantizeJob} writes them, from the original's logits to the stored file's. */
class QuantizedModelTest {

    private static final int VOCAB = 512;
    /** Formats of one kind, more bits first: each must be at least as close to the original as the next. */
    private static final List<List<String>> FALLING = List.of(List.of("f32", "f16", "bf16", "q8_0", "q5_0", "q4_0"),
            List.of("q6_k", "q5_k", "q4_k", "q3_k", "q2_k"), List.of("q5_1", "q4_1"), List.of("q8_0", "pi-q3", "pi-q2"),
            List.of("q8_0", "pi-tan3", "pi-tan2"));

    @TempDir
    private Path folder;

    private QuantizeReport quantize(Path input, QuantizeOptions options, Path output, Backend backend) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(input, null, options, backend)) {
            return job.run(output, 2, (step, done, total) -> {
            });
        }
    }

    /** Every format there is: the file loads and runs on both backends alike, and more bits are closer to the original. */
    @Test
    void everyFormatRunsAndMoreBitsAreCloser() throws IOException {
        Golden golden = Golden.of("llama-F32");
        Map<String, Double> divergence = new HashMap<>();
        try (Backend backend = TestBackends.open("cpu"); Backend reference = TestBackends.open("reference")) {
            for (String format : WeightFormats.names()) {
                Path file = folder.resolve(format + ".gguf");
                QuantizeReport report = quantize(golden.model(), QuantizeOptions.of(WeightFormats.parse(format)), file, backend);
                float[] logits = logits(file, backend, report.architecture(), golden);
                divergence.put(format, Comparison.meanDivergence(golden.exact(), logits, VOCAB));
                assertThat(Comparison.maxDistance(logits(file, reference, report.architecture(), golden), logits)).as(format)
                        .isLessThanOrEqualTo(2e-4);
            }
        }
        assertThat(divergence.get("f32")).isLessThan(1e-7);
        assertThat(divergence.get("f16")).isLessThan(1e-4);
        for (List<String> family : FALLING) {
            List<String> there = family.stream().filter(divergence::containsKey).toList();
            for (int i = 1; i < there.size(); i++) {
                assertThat(divergence.get(there.get(i - 1))).as(there.get(i - 1) + " is closer than " + there.get(i))
                        .isLessThan(divergence.get(there.get(i)));
            }
        }
    }

    /** Blocks without kernels: expanded once, or, where no room is granted for that, tile by tile, with the same logits. */
    @Test
    void blocksWithoutKernelsRunExpandedAndInTiles() throws IOException {
        Golden golden = Golden.of("llama-F32");
        Path file = folder.resolve("model.gguf");
        try (Backend backend = TestBackends.open("cpu")) {
            quantize(golden.model(), QuantizeOptions.of(WeightFormats.parse("q4_1")), file, backend);
            List<Long> bytes = new ArrayList<>();
            List<float[]> logits = new ArrayList<>();
            for (long room : new long[]{WeightLoader.EXPANDED_BYTES, 0}) {
                try (InferenceModel model = new ModelLoader(backend, Activations.INT8, room).open(file, null);
                        InferenceSession session = model.newSession(128)) {
                    logits.add(Comparison.logits(session, golden.tokens(), VOCAB));
                    bytes.add(model.weightBytes());
                }
            }
            assertThat(bytes.get(1)).isLessThan(bytes.get(0) / 2);
            assertThat(Comparison.maxDistance(logits.get(0), logits.get(1))).isLessThanOrEqualTo(2e-4);
        }
    }

    private static float[] logits(Path file, Backend backend, String architecture, Golden golden) throws IOException {
        try (InferenceModel model = InferenceModel.open(file, backend, Activations.FP32);
                InferenceSession session = model.newSession(128)) {
            assertThat(model.architecture()).isEqualTo(architecture);
            return Comparison.logits(session, golden.tokens(), VOCAB);
        }
    }

    /** Setun's own formats are multiplied as they are stored, with rounded activations too, and between rotations. */
    @ParameterizedTest
    @CsvSource({"pi-q2,", "pi-q3,", "pi-tan2,", "pi-tan3,", "e8p,", "e8p:bits=4,", "e8p, HADAMARD"})
    void formatsOfOurOwnStayPacked(String format, Incoherence.@Nullable Method incoherence) throws IOException {
        Golden golden = Golden.of("llama-F32");
        Path file = folder.resolve("model.gguf");
        try (Backend backend = TestBackends.open("cpu")) {
            quantize(golden.model(), QuantizeOptions.of(WeightFormats.parse(format)).withIncoherence(incoherence, 1), file, backend);
            List<Long> bytes = new ArrayList<>();
            float[][] logits = new float[2][];
            for (Activations activations : Activations.values()) {
                try (InferenceModel model = InferenceModel.open(file, backend, activations);
                        InferenceSession session = model.newSession(128)) {
                    logits[activations.ordinal()] = Comparison.logits(session, golden.tokens(), VOCAB);
                    bytes.add(model.weightBytes());
                }
            }
            try (InferenceModel whole = InferenceModel.open(golden.model(), backend, Activations.FP32)) {
                assertThat(bytes).allSatisfy(packed -> assertThat((double) packed).isLessThan(0.55 * whole.weightBytes()));
            }
            double divergence = Comparison.meanDivergence(logits[Activations.FP32.ordinal()], logits[Activations.INT8.ordinal()], VOCAB);
            assertThat(divergence).isPositive().isLessThan(0.03);
        }
    }

    @Test
    void aChangedTensorIsNamedWhenTheModelIsLoaded() throws IOException {
        Path file = folder.resolve("model.gguf");
        try (Backend backend = TestBackends.open("reference")) {
            quantize(TestData.require("golden-models/llama-F32.gguf"), QuantizeOptions.of(WeightFormats.parse("f16")), file, backend);
            long at;
            try (GgufFile opened = GgufFile.open(file)) {
                at = opened.info("blk.1.attn_v.weight").offset() + 1234;
            }
            byte[] bytes = Files.readAllBytes(file);
            bytes[(int) at] ^= 1;
            Files.write(file, bytes);
            assertThatThrownBy(() -> InferenceModel.open(file, backend, Activations.FP32)).isInstanceOf(FormatException.class)
                    .hasMessageContaining("blk.1.attn_v.weight").hasMessageContaining("SHA-256");
        }
    }

    @Test
    void aTernaryModelStaysTheSameModel() throws IOException {
        Golden golden = Golden.of("bitnet-TQ2_0");
        Path file = folder.resolve("model.gguf");
        try (Backend backend = TestBackends.open("cpu")) {
            quantize(golden.model(), QuantizeOptions.of(WeightFormats.parse("f32")), file, backend);
            try (InferenceModel model = InferenceModel.open(file, backend, Activations.FP32);
                    InferenceSession session = model.newSession(128)) {
                assertThat(Comparison.maxDistance(Comparison.logits(session, golden.tokens(), VOCAB), golden.exact()))
                        .isLessThanOrEqualTo(2e-4);
            }
        }
    }
}
