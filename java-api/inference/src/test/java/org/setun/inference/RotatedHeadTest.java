package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;
import org.setun.kernels.Backend;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.incoherence.IncoherenceTransform;

import static org.assertj.core.api.Assertions.assertThat;

/** Any matrix of a file may lie between two rotations, the head and a tied embedding too: the model stays the same. */
class RotatedHeadTest {

    private static final int VOCAB = 512;
    private static final long SEED = 5;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"q8_0, false", "q8_0, true", "q5_1, false", "q5_1, true", "f16, false"})
    void givesTheLogitsOfTheHeadItself(String format, boolean tied) throws IOException {
        Golden golden = Golden.of("llama-F32");
        try (Backend backend = TestBackends.open("cpu")) {
            float[] plain = logits(write(golden.model(), WeightFormats.parse(format), tied, null), backend, golden);
            float[] rotated = logits(write(golden.model(), WeightFormats.parse(format), tied, backend), backend, golden);
            assertThat(Comparison.meanDivergence(plain, rotated, VOCAB)).isLessThan(format.equals("q5_1") ? 0.05 : 0.01);
        }
    }

    private static float[] logits(Path file, Backend backend, Golden golden) throws IOException {
        try (InferenceModel model = InferenceModel.open(file, backend, Activations.FP32);
                InferenceSession session = model.newSession(128)) {
            return Comparison.logits(session, golden.tokens(), VOCAB);
        }
    }

    /** The model with its head, or the embedding that is its head, in {@code format}; between rotations if there is a backend to make them. */
    private Path write(Path source, WeightFormat format, boolean tied, Backend rotating) throws IOException {
        Path file = folder.resolve(rotating == null ? "plain.gguf" : "rotated.gguf");
        String head = tied ? "token_embd.weight" : "output.weight";
        GgufRewriter.write(source, file, rotating == null ? "llama" : "setun-llama", Map.of(), (writer, info, data) -> {
            if (info.name().equals(head)) {
                put(writer, info, data, format, rotating);
            } else if (!info.name().equals("output.weight")) {
                GgufRewriter.copy(writer, info, data);
            }
        });
        try (GgufFile written = GgufFile.open(file)) {
            assertThat(written.find("output.weight").isEmpty()).isEqualTo(tied);
        }
        return file;
    }

    private static void put(GgufWriter writer, GgufTensor info, MemorySegment data, WeightFormat format, Backend rotating) {
        int rows = Math.toIntExact(info.shape()[0]);
        int columns = Math.toIntExact(info.shape()[1]);
        float[] values = Dequantizer.floats(GgmlType.F32, data, rows * columns);
        if (rotating != null) {
            IncoherenceTransform transform = new Incoherence(Incoherence.Method.HADAMARD, SEED).transform(rotating, rows, columns);
            transform.rotateWeights(values);
            writer.uint32("setun.format_version", 1).strings("setun.tensor.names", List.of()).strings("setun.tensor.formats", List.of())
                    .int64s("setun.tensor.columns", new long[0]).strings("setun.incoherence.names", List.of(info.name()))
                    .int64s("setun.incoherence.seeds", new long[]{SEED})
                    .strings("setun.incoherence.methods", List.of(Incoherence.describe(transform)));
        }
        MemorySegment blocks = MemorySegment.ofArray(new byte[Math.toIntExact(rows * format.rowBytes(columns))]);
        format.encode(values, 0, values.length, null, blocks, 0);
        writer.tensor(info.name(), format.ggmlType().orElseThrow(), info.shape(), blocks);
    }
}
