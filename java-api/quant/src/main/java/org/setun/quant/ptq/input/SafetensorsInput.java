package org.setun.quant.ptq.input;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.HuggingFaceBitnet;
import org.setun.formats.HuggingFaceConfig;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufWriter;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsIndex;
import org.setun.formats.safetensors.SafetensorsTensor;
import org.setun.formats.tokenizer.BpeTokenizer;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.TokenizerJson;
import org.setun.quant.format.WeightRows;

/**
 * A Hugging Face checkpoint: one safetensors file, or the index of several, with {@code config.json} and {@code tokenizer.json} beside it.
 * Packed
 * BitNet weights are unpacked row by row. Files of architecture {@code llama} rotate interleaved pairs where the checkpoint rotates
 * halves: rows
 * of queries and keys are read in the other order.
 */
final class SafetensorsInput implements ModelInput {

    private static final String SCALE = "_scale";

    private record Source(SafetensorsFile file, SafetensorsTensor info, float gamma) {
    }

    private final List<Path> files;
    private final List<SafetensorsFile> open = new ArrayList<>();
    private final Map<String, Path> sideFiles = new LinkedHashMap<>();
    private final HuggingFaceConfig config;
    private final @Nullable HuggingFaceBitnet bitnet;
    private @Nullable BpeTokenizer tokenizer;
    private final Map<String, Source> sources = new LinkedHashMap<>();
    private final List<InputTensor> tensors = new ArrayList<>();
    private final String name;

    private SafetensorsInput(String name, List<Path> files, HuggingFaceConfig config, @Nullable HuggingFaceBitnet bitnet,
            @Nullable BpeTokenizer tokenizer) {
        this.name = name;
        this.files = files;
        this.config = config;
        this.bitnet = bitnet;
        this.tokenizer = tokenizer;
    }

    static SafetensorsInput open(Path path) throws IOException {
        Path folder = path.toAbsolutePath().getParent();
        List<Path> files = path.toString().endsWith(".json") ? SafetensorsIndex.files(path) : List.of(path);
        Path configFile = path.resolveSibling("config.json");
        HuggingFaceConfig config = HuggingFaceConfig.read(configFile);
        Path tokenizer = path.resolveSibling("tokenizer.json");
        SafetensorsInput input = new SafetensorsInput(String.valueOf(folder == null ? path.getFileName() : folder.getFileName()), files,
                config, config.packed() ? HuggingFaceBitnet.read(configFile) : null,
                Files.exists(tokenizer) ? TokenizerJson.read(tokenizer) : null);
        if (path.toString().endsWith(".json")) {
            input.sideFiles.put("index", path);
        }
        input.sideFiles.put("config.json", configFile);
        if (input.tokenizer != null) {
            input.sideFiles.put("tokenizer.json", tokenizer);
        }
        try {
            for (Path file : input.files) {
                input.open.add(SafetensorsFile.open(file));
            }
            input.collect();
            input.requireWhole();
            input.pad();
            return input;
        } catch (IOException | RuntimeException e) {
            input.close();
            throw e;
        }
    }

    /** A checkpoint in memory, or part of one, without a tokenizer: the text of its {@code config.json} and its one file. */
    static SafetensorsInput of(String config, SafetensorsFile file) {
        HuggingFaceConfig parsed = HuggingFaceConfig.parse(config, "config.json");
        SafetensorsInput input = new SafetensorsInput(file.name(), List.of(), parsed,
                parsed.packed() ? HuggingFaceBitnet.parse(config, "config.json") : null, null);
        input.open.add(file);
        input.collect();
        return input;
    }

    private void collect() {
        for (SafetensorsFile file : open) {
            for (SafetensorsTensor info : file.tensors()) {
                if (!info.name().endsWith(".weight" + SCALE) && !info.name().endsWith(".rotary_emb.inv_freq")) {
                    collect(file, info);
                }
            }
        }
        tensors.sort((a, b) -> Integer.compare(position(a.name()), position(b.name())));
    }

    private void requireWhole() {
        String file = files.getFirst().toString();
        LayerCheck.require(file, architecture(), "num_hidden_layers", config.layers(), false, tensors);
        if (!config.tiedHead() && !config.family().equals("bitnet") && !sources.containsKey("output.weight")) {
            throw new FormatException(file, FormatException.NO_OFFSET, "tensor 'lm_head.weight'",
                    "is missing, but config.json does not say tie_word_embeddings",
                    "name the index of all files, or fetch the checkpoint again");
        }
    }

    /** Embeddings are often padded to a round number of rows; the tokenizer follows, as engines want one token per row. */
    private void pad() {
        Source embedding = sources.get("token_embd.weight");
        if (tokenizer == null || embedding == null) {
            return;
        }
        long rows = embedding.info().shape().getFirst();
        if (tokenizer.vocabSize() > rows || rows > Integer.MAX_VALUE) {
            throw error(embedding.file(), embedding.info(), "has " + rows + " rows, tokenizer.json " + tokenizer.vocabSize() + " tokens",
                    "fetch the tokenizer.json that belongs to these weights");
        }
        tokenizer = tokenizer.padded((int) rows);
    }

    private void collect(SafetensorsFile file, SafetensorsTensor info) {
        String gguf = HuggingFaceNames.gguf(info.name())
                .orElseThrow(() -> error(file, info, "has no place in a model of family " + config.family(),
                        "text models of the families llama, qwen2, qwen3 and bitnet are read"));
        if (gguf.equals("output.weight") && config.tiedHead()) {
            return; // the embedding is the head; some checkpoints store it twice
        }
        boolean packed = info.type() == DType.U8;
        if (packed && bitnet == null) {
            throw error(file, info, "is packed, but config.json has no quantization_config of BitNet",
                    "fetch the config.json that belongs to these weights");
        }
        int dims = info.shape().size();
        if (dims < 1 || dims > 2 || info.elements() == 0 || info.shape().getLast() > Integer.MAX_VALUE - 8) {
            throw error(file, info, "has the shape " + info.shape() + ", one or two dimensions are read",
                    "the checkpoint is damaged or of another family");
        }
        long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
        float gamma = 1;
        if (packed && bitnet != null) {
            shape[0] = rows(file, info, gguf, shape[0]);
            SafetensorsFile home = open.stream().filter(each -> each.find(info.name() + SCALE).isPresent()).findFirst()
                    .orElseThrow(() -> error(file, info, "is packed and has no " + info.name() + SCALE + " beside it",
                            "name the index of all files, or fetch the checkpoint again"));
            gamma = bitnet.gamma(info.name(), file.tensor(info.name()), shape[0], shape[1], scale(home, info.name() + SCALE));
        } else if (info.type() != DType.F32 && info.type() != DType.F16 && info.type() != DType.BF16) {
            throw error(file, info, "has the type " + info.type() + "; F32, F16 and BF16 are read, and U8 of BitNet",
                    "store the checkpoint in bfloat16 first");
        }
        if (permuted(gguf) && shape[0] % config.headDim() != 0) {
            throw error(file, info, "has " + shape[0] + " rows, which heads of " + config.headDim() + " do not divide",
                    "fetch the config.json that belongs to these weights");
        }
        if (sources.put(gguf, new Source(file, info, gamma)) != null) {
            throw error(file, info, "appears in two files", "keep the files of one checkpoint in the folder");
        }
        Optional<GgmlType> type = packed || permuted(gguf)
                ? Optional.empty()
                : Optional.of(GgmlType.valueOf(info.type().name()));
        tensors.add(new InputTensor(gguf, shape, type));
    }

    private static float scale(SafetensorsFile file, String tensor) {
        SafetensorsTensor info = file.info(tensor);
        if (info.elements() != 1) {
            throw new FormatException(file.name(), info.offset(), "tensor '" + tensor + "'", "has the shape " + info.shape()
                    + ", one value is read", "scales per row are not supported: start from the unpacked checkpoint");
        }
        return file.floats(tensor)[0];
    }

    /** Rows of a packed weight, of which four share a byte. */
    private long rows(SafetensorsFile file, SafetensorsTensor info, String gguf, long packedRows) {
        String kind = gguf.substring(gguf.lastIndexOf('.', gguf.lastIndexOf('.') - 1) + 1, gguf.lastIndexOf('.'));
        long rows = switch (kind) {
            case "attn_q" -> (long) config.heads() * config.headDim();
            case "attn_k", "attn_v" -> (long) config.kvHeads() * config.headDim();
            case "ffn_gate", "ffn_up" -> config.ffn();
            default -> config.hidden();
        };
        if (info.shape().size() != 2 || packedRows != Math.ceilDiv(rows, 4)) {
            throw error(file, info, "has the shape " + info.shape() + ", config.json asks for " + Math.ceilDiv(rows, 4) + " packed rows",
                    "fetch the config.json that belongs to these weights");
        }
        return rows;
    }

    private boolean permuted(String gguf) {
        return architecture().equals("llama") && (gguf.contains(".attn_q.") || gguf.contains(".attn_k."));
    }

    /** Embedding first, then the blocks in order, then the rest; within a block the order of the files. */
    private static int position(String name) {
        if (name.startsWith("blk.")) {
            return 1 + Integer.parseInt(name.substring(4, name.indexOf('.', 4)));
        }
        return name.equals("token_embd.weight") ? 0 : Integer.MAX_VALUE;
    }

    @Override
    public String architecture() {
        return config.family().equals("bitnet") && config.activation().equals("relu2") ? "bitnet-b1.58" : config.family();
    }

    @Override
    public List<Path> files() {
        return files;
    }

    @Override
    public Map<String, Path> sideFiles() {
        return Collections.unmodifiableMap(sideFiles);
    }

    @Override
    public List<InputTensor> tensors() {
        return List.copyOf(tensors);
    }

    @Override
    public WeightRows rows(InputTensor tensor) {
        Source source = sources.get(tensor.name());
        MemorySegment bytes = source.file().tensor(source.info().name());
        boolean vector = tensor.shape().length == 1;
        return WeightRows.of(tensor.rows(), tensor.columns(), (row, values, to) -> {
            if (source.info().type() == DType.U8) {
                unpack(bytes, source.gamma(), permuted(tensor.name()) ? unrotated(row) : row, tensor, values, to);
                return;
            }
            GgmlType type = GgmlType.valueOf(source.info().type().name());
            if (vector && permuted(tensor.name())) {
                for (int i = 0; i < tensor.columns(); i++) {
                    Dequantizer.decode(type, bytes, unrotated(i) * type.blockBytes(), 1, values, to + i);
                }
            } else {
                long from = permuted(tensor.name()) ? unrotated(row) : row;
                Dequantizer.decode(type, bytes, from * tensor.columns() * type.blockBytes(), tensor.columns(), values, to);
            }
        });
    }

    /** The row of the checkpoint that becomes row {@code row}: within a head, halves become pairs. */
    private long unrotated(long row) {
        int width = config.headDim();
        long within = row % width;
        return row - within + within / 2 + within % 2 * (width / 2);
    }

    private static void unpack(MemorySegment bytes, float gamma, long row, InputTensor tensor, float[] values, int to) {
        long packedRows = Math.ceilDiv(tensor.rows(), 4);
        int shift = 2 * (int) (row / packedRows);
        long start = row % packedRows * tensor.columns();
        for (int i = 0; i < tensor.columns(); i++) {
            values[to + i] = gamma * ((bytes.get(ValueLayout.JAVA_BYTE, start + i) >> shift & 3) - 1);
        }
    }

    @Override
    public Optional<MemorySegment> bytes(InputTensor tensor) {
        Source source = sources.get(tensor.name());
        return tensor.type().map(_ -> source.file().tensor(source.info().name()));
    }

    @Override
    public void writeMetadata(GgufWriter writer) {
        new DecoderMetadata(architecture(), config.vocab(), config.context(), config.hidden(), config.layers(), config.ffn(),
                config.heads(), config.kvHeads(), config.headDim(), config.normEps(), config.ropeTheta()).write(writer, name);
        if (config.activation().equals("relu2")) {
            writer.string(architecture() + ".hidden_activation", "relu2");
        }
        if (tokenizer != null) {
            GgufTokenizers.write(tokenizer, writer);
        }
    }

    @Override
    public void close() {
        open.forEach(SafetensorsFile::close);
    }

    private static FormatException error(SafetensorsFile file, SafetensorsTensor info, String problem, String remedy) {
        return new FormatException(file.name(), info.offset(), "tensor '" + info.name() + "'", problem, remedy);
    }
}
