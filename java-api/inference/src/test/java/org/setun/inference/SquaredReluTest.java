package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;
import org.setun.kernels.Backend;
import org.setun.kernels.Buffer;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.TernaryFormat;

import static org.assertj.core.api.Assertions.assertThat;

/** The golden ternary model as Microsoft's tools would store it: I2_S, and squared ReLU in place of SwiGLU. */
class SquaredReluTest {

    private static final int VOCAB = 512;

    @TempDir
    private Path folder;

    @ParameterizedTest(name = "{0} on {1}")
    @CsvSource({"bitnet-b1.58, reference", "bitnet-25, reference", "bitnet, reference", "bitnet-b1.58, cpu", "bitnet, cpu"})
    void theGateIsSquaredReluInMicrosoftsArchitecturesOrWhereAKeySaysSo(String architecture, String backendName) throws IOException {
        Golden golden = Golden.of("bitnet-TQ2_0");
        Path file = folder.resolve("relu2.gguf");
        try (Backend backend = TestBackends.open(backendName); MemoryPool memory = MemoryPool.builder(backend).slabBytes(1 << 20).build()) {
            Map<String, Object> changes = architecture.equals("bitnet") ? Map.of("hidden_activation", "relu2") : Map.of();
            GgufRewriter.write(golden.model(), file, architecture, changes, (writer, info, data) -> {
                if (info.type() == GgmlType.TQ2_0 && !architecture.equals("bitnet")) {
                    asI2s(backend, memory, writer, info, data);
                } else {
                    GgufRewriter.copy(writer, info, data);
                }
            });
            try (InferenceModel model = InferenceModel.open(file, backend, Activations.FP32);
                    InferenceSession session = model.newSession(64)) {
                double distance = Comparison.maxDistance(Comparison.logits(session, golden.tokens(), VOCAB), Golden.squaredRelu());
                assertThat(distance).isLessThanOrEqualTo(2e-4);
            }
        }
    }

    private static void asI2s(Backend backend, MemoryPool memory, GgufWriter writer, GgufTensor info, MemorySegment data) {
        long m = info.shape()[0];
        long k = info.shape()[1];
        Buffer bytes = memory.allocate(data.byteSize());
        bytes.segment().copyFrom(data);
        Buffer codes = memory.allocate(m * k);
        Buffer scales = memory.allocate(4 * TernaryFormat.TQ2_0.scales(m, k));
        backend.ternaryDecode(TernaryFormat.TQ2_0, bytes.segment(), m, k, codes.segment(), scales.segment());
        MemorySegment scale = scales.segment().asSlice(0, 4);
        assertThat(scale.get(ValueLayout.JAVA_FLOAT, 0)).isPositive();
        MemorySegment packed = memory.allocate(TernaryFormat.I2_S.bytes(m, k)).segment();
        backend.ternaryEncode(TernaryFormat.I2_S, codes.segment(), m, k, scale, packed);
        writer.tensor(info.name(), GgmlType.I2_S, info.shape(), packed);
    }
}
