package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.RawGguf;
import org.setun.formats.llama2c.Llama2cModel;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsTensor;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.TokenizerJson;

/**
 * One fuzz target per file format. A plain test run feeds each target its stored corpus; {@code tests/fuzz.sh} fuzzes. The only exception
 * that may leave a parser is {@link FormatException}.
 */
class ParserFuzzTest {

    private static final String TEXT = "Once upon a <|endoftext|> time\n 🙂";

    private static final List<GgmlType> BLOCKS = Dequantizer.supported().stream().filter(type -> type != GgmlType.I2_S).toList();

    @FuzzTest(maxDuration = "10m")
    void gguf(byte[] bytes) {
        try {
            GgufFile file = GgufFile.of(MemorySegment.ofArray(bytes), "fuzz.gguf");
            for (GgufTensor tensor : file.tensors()) {
                if (Dequantizer.supports(tensor.type())) {
                    file.floats(tensor.name());
                } else {
                    file.tensor(tensor.name());
                }
            }
            GgufTokenizers.read(file.metadata()).encode(TEXT, true);
        } catch (FormatException expected) {
            // refused: fine
        }
    }

    /** Random bytes as blocks of every type in a file; a tensor and its blocks one by one decode alike. The first byte picks the type. */
    @FuzzTest(maxDuration = "10m")
    void blocks(byte[] bytes) {
        if (bytes.length == 0) {
            return;
        }
        GgmlType type = BLOCKS.get(Byte.toUnsignedInt(bytes[0]) % BLOCKS.size());
        int count = Math.min((bytes.length - 1) / type.blockBytes(), 64);
        if (count == 0) {
            return;
        }
        byte[] data = Arrays.copyOfRange(bytes, 1, 1 + count * type.blockBytes());
        byte[] head = new RawGguf(1, 0).tensor("t", type.id(), 0, type.blockSize(), count).data(data);
        GgufFile file = GgufFile.of(MemorySegment.ofArray(head), "fuzz.gguf");
        float[] all = file.floats("t");
        float[] block = new float[type.blockSize()];
        for (int b = 0; b < count; b++) {
            Dequantizer.decode(type, file.tensor("t"), (long) b * type.blockBytes(), block.length, block, 0);
            if (!Arrays.equals(all, b * block.length, (b + 1) * block.length, block, 0, block.length)) {
                throw new AssertionError("block " + b + " of " + type + " decodes otherwise alone");
            }
        }
    }

    @FuzzTest(maxDuration = "10m")
    void safetensors(byte[] bytes) {
        try {
            SafetensorsFile file = SafetensorsFile.of(MemorySegment.ofArray(bytes), "fuzz.safetensors");
            for (SafetensorsTensor tensor : file.tensors()) {
                file.tensor(tensor.name());
                file.floats(tensor.name());
            }
        } catch (FormatException expected) {
            // refused: fine
        }
    }

    @FuzzTest(maxDuration = "10m")
    void tokenizerJson(byte[] bytes) {
        try {
            TokenizerJson.parse(bytes, "fuzz.json").encode(TEXT, true);
        } catch (FormatException expected) {
            // refused: fine
        }
    }

    @FuzzTest(maxDuration = "10m")
    void llama2cModel(byte[] bytes) {
        try {
            Llama2cModel model = Llama2cModel.of(MemorySegment.ofArray(bytes), "fuzz.bin");
            model.names().forEach(model::floats);
        } catch (FormatException expected) {
            // refused: fine
        }
    }

    @FuzzTest(maxDuration = "10m")
    void llama2cTokenizer(byte[] bytes) {
        try {
            Llama2cTokenizer.of(MemorySegment.ofArray(bytes), "fuzz.bin").encode(TEXT, true);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
