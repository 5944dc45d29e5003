package org.setun.quant.ptq;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.setun.formats.Sha256;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.quant.calibration.CalibrationConfig;
import org.setun.quant.calibration.CalibrationDomain;
import org.setun.quant.calibration.CalibrationJob;
import org.setun.quant.calibration.Calibrator;
import org.setun.quant.calibration.FisherLabels;
import org.setun.quant.calibration.Provenance;
import org.setun.quant.model.ModelFile;

/** Small llama models of random weights, as GGUF files. */
final class Models {

    static final int DIM = 256;
    static final int FFN = 512;
    static final int VOCAB = 64;

    private Models() {
    }

    static Path write(Path file, int layers, long seed) throws IOException {
        return write(file, layers, seed, "", -1, 0);
    }

    /** A model whose tensor {@code bad} has {@code value} at {@code index}. */
    static Path write(Path file, int layers, long seed, String bad, int index, float value) throws IOException {
        GgufWriter writer = new GgufWriter("llama");
        writer.string("general.name", "random").uint32("llama.block_count", layers).uint32("llama.context_length", 128)
                .uint32("llama.embedding_length", DIM).uint32("llama.feed_forward_length", FFN).uint32("llama.attention.head_count", 4)
                .uint32("llama.attention.head_count_kv", 2).float32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
                .uint32("llama.rope.dimension_count", 64).uint32("general.file_type", 0)
                .strings("test.words", List.of("", "ä", "x".repeat(70_000))).bool("test.flag", true).int64("test.long", -5);
        put(writer, "token_embd.weight", seed, bad, index, value, VOCAB, DIM);
        for (int layer = 0; layer < layers; layer++) {
            String prefix = "blk." + layer + ".";
            put(writer, prefix + "attn_norm.weight", seed, bad, index, value, DIM);
            put(writer, prefix + "attn_q.weight", seed, bad, index, value, DIM, DIM);
            put(writer, prefix + "attn_k.weight", seed, bad, index, value, DIM / 2, DIM);
            put(writer, prefix + "attn_v.weight", seed, bad, index, value, DIM / 2, DIM);
            put(writer, prefix + "attn_output.weight", seed, bad, index, value, DIM, DIM);
            put(writer, prefix + "ffn_norm.weight", seed, bad, index, value, DIM);
            put(writer, prefix + "ffn_gate.weight", seed, bad, index, value, FFN, DIM);
            put(writer, prefix + "ffn_up.weight", seed, bad, index, value, FFN, DIM);
            put(writer, prefix + "ffn_down.weight", seed, bad, index, value, DIM, FFN);
        }
        put(writer, "output_norm.weight", seed, bad, index, value, DIM);
        writer.write(file);
        return file;
    }

    /** A model whose tensor {@code name} is {@code factor} times as large. */
    static Path scaled(Path file, int layers, long seed, String name, float factor) throws IOException {
        Path plain = write(file.resolveSibling(file.getFileName() + ".plain"), layers, seed);
        try (GgufFile original = GgufFile.open(plain)) {
            GgufWriter writer = new GgufWriter("llama");
            original.metadata().keys().stream().filter(key -> !key.equals("general.architecture"))
                    .forEach(key -> writer.copy(original, key));
            for (GgufTensor tensor : original.tensors()) {
                float[] values = original.floats(tensor.name());
                for (int i = 0; tensor.name().equals(name) && i < values.length; i++) {
                    values[i] *= factor;
                }
                writer.tensor(tensor.name(), tensor.type(), tensor.shape(), MemorySegment.ofArray(values));
            }
            writer.write(file);
        }
        return file;
    }

    /**
     * A calibration by a few random tokens, Hessians included.
     *
     * @param name of the model's file, as the calibration is to say
     */
    static Path calibrate(Path file, Path model, String name, Backend backend) throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        CalibrationConfig config = new CalibrationConfig(Map.of(CalibrationDomain.MATH, 1), 8, 0, FisherLabels.NONE, true, 1L << 30);
        try (ModelFile opened = ModelFile.open(model, null);
                MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 22).build();
                Calibrator calibrator = new Calibrator(backend, opened.decoder(pool), List.of(random.ints(8, 0, VOCAB).toArray()), config,
                        (done, total) -> {
                        });
                CalibrationJob job = CalibrationJob.open(file,
                        new Provenance(new Provenance.Source("", name, Sha256.of(model)),
                                List.of(new Provenance.Source("math", "text", "0".repeat(64))),
                                List.of(new Provenance.Domain("math", 1, 1, 8)),
                                0, 8, FisherLabels.NONE, "2bit", "2026-01-02T03:04:05Z"),
                        calibrator)) {
            job.run();
        }
        return file;
    }

    private static void put(GgufWriter writer, String name, long seed, String bad, int index, float value, long... shape) {
        writer.tensor(name, GgmlType.F32, shape, () -> {
            SplittableRandom random = new SplittableRandom(seed * 31 + name.hashCode());
            int count = 1;
            for (long extent : shape) {
                count *= (int) extent;
            }
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = (float) (shape.length == 1 ? 1 + 0.1 * random.nextGaussian() : 0.05 * random.nextGaussian());
            }
            if (name.equals(bad)) {
                values[index] = value;
            }
            return MemorySegment.ofArray(values);
        });
    }
}
