package org.setun.quant.export;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufWriter;
import org.setun.formats.tokenizer.BpeTokenizer;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.SpmTokenizer;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.Int8Absmax;
import org.setun.quant.TernaryWeight;
import org.setun.quant.activation.HadamardRows;
import org.setun.quant.qat.LevelWeight;
import org.setun.quant.qat.Rounding;

/**
 * Writes a trained {@link Decoder} as GGUF. The ternary codes are those of the training graph, bit for bit.
 *
 * <p>SwiGLU models with sub norms become architecture {@code bitnet}, without them {@code llama} (queries and keys are reordered if the model
 * rotates halves); both are read by llama.cpp. Squared-ReLU models with sub norms become {@code bitnet-b1.58}, which Microsoft's bitnet.cpp and
 * ik_llama.cpp read.
 */
public final class GgufExporter {

    private final Backend backend;
    private final Decoder decoder;
    private final DecoderConfig config;
    private final ExportOptions options;
    private final Architecture architecture;
    private final TernaryEncoder encoder;
    /** Scales of ternary matrices by name, and the powers of two that norms give up to them. */
    private final Map<String, Float> scales = new HashMap<>();
    private final Map<String, Integer> shifts = new HashMap<>();
    private double scaleError;
    private boolean recent;
    private final List<String> stored = new ArrayList<>(); // warnings about matrices that are not stored as they were trained

    private GgufExporter(Backend backend, Decoder decoder, ExportOptions options) {
        this.backend = backend;
        this.decoder = decoder;
        this.config = decoder.config();
        this.options = options;
        this.architecture = Architecture.of(config, options.matrices());
        this.encoder = new TernaryEncoder(backend);
    }

    /**
     * Writes {@code file} atomically: if anything fails, an older file of that name stays as it was.
     *
     * @param tokenizer with as many tokens as the model has
     * @throws IllegalArgumentException if no reader would compute this model from such a file; the message says what would work
     * @throws IOException if the device fails
     */
    public static ExportReport export(Backend backend, Decoder decoder, Tokenizer tokenizer, ExportOptions options, Path file)
            throws IOException {
        if (tokenizer.vocabSize() != decoder.config().vocab()) {
            throw new IllegalArgumentException(
                    "tokenizer has " + tokenizer.vocabSize() + " tokens, the model's embedding " + decoder.config().vocab());
        }
        return export(backend, decoder, writer -> {
            switch (tokenizer) {
                case BpeTokenizer bpe -> GgufTokenizers.write(bpe, writer);
                case SpmTokenizer spm -> GgufTokenizers.write(spm, writer);
                default ->
                    throw new IllegalArgumentException("tokenizer is a " + tokenizer.getClass().getName() + ", which GGUF has no form for");
            }
        }, options, file);
    }

    /**
     * Checks that a model of this shape can be written, before it is trained for hours.
     *
     * @throws IllegalArgumentException as {@link #export} would
     */
    public static void check(DecoderConfig config, MatrixType matrices) {
        Architecture.of(config, matrices);
    }

    /** Writes a model without a tokenizer, or with one that {@code tokenizer} puts into the metadata. */
    public static ExportReport export(Backend backend, Decoder decoder, Consumer<GgufWriter> tokenizer, ExportOptions options, Path file)
            throws IOException {
        try (Rounding _ = Rounding.of(decoder)) {
            return new GgufExporter(backend, decoder, options).write(tokenizer, file);
        }
    }

    private ExportReport write(Consumer<GgufWriter> tokenizer, Path file) throws IOException {
        collectScales();
        GgufWriter writer = metadata();
        tokenizer.accept(writer);
        try (MemoryPool memory = MemoryPool.builder(backend).slabBytes(4L << 20).build();
                Workspace scratch = new Workspace(memory, 4L << 20)) {
            Map<String, Linear> matrices = new HashMap<>();
            decoder.linears().forEach(linear -> matrices.put(linear.weight().name(), linear));
            Set<String> ofQuantizers = ofQuantizers();
            for (Parameter parameter : decoder.parameters()) {
                Linear matrix = matrices.get(parameter.name());
                if (ofQuantizers.contains(parameter.name())) {
                    continue;
                }
                if (matrix != null) {
                    putMatrix(writer, matrix, scratch);
                } else if (parameter.shape().rank() == 1) {
                    putNorm(writer, parameter, scratch);
                } else {
                    GgmlType type = options.halfTables() ? GgmlType.F16 : GgmlType.F32;
                    writer.tensor(parameter.name(), type, shape(parameter),
                            () -> FloatEncoder.encode(parameter.name(), parameter.value().segment(), type));
                }
            }
            writer.write(file);
        }
        return new ExportReport(file, architecture.label(), Files.size(file), scaleError, warnings());
    }

    /** Learned scales of weights, which are in the values of their matrix, and what readers know nothing of: learned scales of activations. */
    private Set<String> ofQuantizers() {
        Set<String> names = new HashSet<>();
        for (Linear linear : decoder.linears()) {
            linear.quantization().parameters().forEach(parameter -> names.add(parameter.name()));
            if (linear instanceof BitLinear bits && bits.scale() != null) {
                names.add(bits.scale().name());
            }
        }
        return names;
    }

    private GgufWriter metadata() {
        String arch = architecture.label() + ".";
        GgufWriter writer = new GgufWriter(architecture.label())
                .string("general.type", "model")
                .string("general.name", options.name());
        if (!options.license().isEmpty()) {
            writer.string("general.license", options.license());
        }
        writer.uint32("general.quantization_version", 2)
                .uint32("general.file_type", options.matrices().fileType())
                .uint32(arch + "vocab_size", config.vocab())
                .uint32(arch + "context_length", config.context())
                .uint32(arch + "embedding_length", config.dim())
                .uint32(arch + "block_count", config.layers())
                .uint32(arch + "feed_forward_length", config.ffn())
                .uint32(arch + "attention.head_count", config.heads())
                .uint32(arch + "attention.head_count_kv", config.kvHeads())
                .uint32(arch + "attention.key_length", config.headDim())
                .uint32(arch + "attention.value_length", config.headDim())
                .float32(arch + "attention.layer_norm_rms_epsilon", config.normEps())
                .uint32(arch + "rope.dimension_count", config.headDim())
                .float32(arch + "rope.freq_base", config.ropeTheta());
        if (config.subNorms()) {
            writer.string(arch + "rope.scaling.type", "linear").float32(arch + "rope.scaling.factor", 1);
        }
        if (architecture == Architecture.BITNET_B158) {
            writer.string(arch + "hidden_activation", "relu2");
        }
        return writer;
    }

    /** Reads the scale of every ternary matrix and, if blocks hold them, finds the powers of two that keep them in range. */
    private void collectScales() {
        if (!options.matrices().isTernary()) {
            return;
        }
        for (Linear matrix : decoder.linears()) {
            if (isTable(matrix)) {
                continue;
            }
            float scale = ternary(matrix).scales().segment().get(ValueLayout.JAVA_FLOAT, 0);
            if (!Float.isFinite(scale)) {
                throw new IllegalArgumentException(
                        matrix.weight().name() + " holds NaN or infinity: the training diverged; export an earlier checkpoint");
            }
            scales.put(matrix.weight().name(), scale);
        }
        if (options.scales() == ScaleStorage.BLOCK && options.matrices() != MatrixType.I2_S && config.subNorms()) {
            for (int i = 0; i < config.layers(); i++) {
                String block = "blk." + i + ".";
                ScaleShift.READERS.forEach((norm, readers) -> {
                    float[] group = new float[readers.size()];
                    for (int j = 0; j < group.length; j++) {
                        group[j] = scales.get(block + readers.get(j) + ".weight");
                    }
                    shifts.put(block + norm + ".weight", ScaleShift.exponent(group));
                });
            }
        }
    }

    private TernaryWeight ternary(Linear matrix) {
        if (matrix.quantization().activations() instanceof HadamardRows) {
            throw new IllegalArgumentException("matrices = " + options.matrices() + ", but " + matrix.weight().name()
                    + " was trained behind a Hadamard transform, which is not in the file; F16 or F32 hold the weight with the transform in it");
        }
        if (matrix instanceof BitLinear bits && bits.quantization().weights() != null) {
            QuantizedWeight weight = bits.quantizedWeight(backend);
            TernaryWeight ternary = weight instanceof LevelWeight levels ? levels.ternary() : weight instanceof TernaryWeight t ? t : null;
            if (ternary != null) {
                return ternary;
            }
        }
        throw new IllegalArgumentException("matrices = " + options.matrices() + ", but " + matrix.weight().name()
                + " was not trained ternary; export as TRAINED, F16 or F32");
    }

    /** Embedding or head, which is stored as it was trained whatever type the matrices of the blocks have. */
    private static boolean isTable(Linear matrix) {
        return !matrix.weight().name().startsWith("blk.");
    }

    private void putMatrix(GgufWriter writer, Linear matrix, Workspace scratch) {
        Parameter weight = matrix.weight();
        GgmlType type = options.matrices().ggmlType();
        boolean asTrained = options.matrices() == MatrixType.TRAINED || options.matrices().isTernary() && isTable(matrix);
        Optional<TrainedMatrix> trained = asTrained ? TrainedMatrix.of(backend, matrix) : Optional.empty();
        if (trained.isPresent()) {
            putTrained(writer, weight, trained.get(), scratch);
            return;
        }
        if (asTrained && matrix.quantization().weights() instanceof WeightQuantizer quantizer) {
            stored.add(weight.name() + " was trained as " + quantizer.name()
                    + ", which no type of GGUF holds here; its values are in half precision");
        }
        if (asTrained || !options.matrices().isTernary()) {
            GgmlType dense = asTrained ? GgmlType.F16 : type;
            writer.tensor(weight.name(), dense, shape(weight), () -> FloatEncoder.encode(weight.name(), dense(matrix, scratch), dense));
            return;
        }
        float scale = scales.get(weight.name());
        boolean asTensor = options.scales() == ScaleStorage.TENSOR && options.matrices() != MatrixType.I2_S;
        float stored = asTensor ? 1 : inBlock(weight.name(), scale);
        writer.tensor(weight.name(), type, shape(weight), () -> {
            scratch.reset();
            MemorySegment codes = ternary(matrix).unpack(backend, scratch).segment();
            return encoder.encode(options.matrices(), reordered(weight.name(), codes, matrix.inputs(), scratch), matrix.outputs(),
                    matrix.inputs(), stored,
                    scratch);
        });
        if (asTensor) {
            writer.tensor(base(weight.name()) + ".scale", GgmlType.F32, new long[]{1}, MemorySegment.ofArray(new float[]{scale}));
        }
    }

    private void putTrained(GgufWriter writer, Parameter weight, TrainedMatrix matrix, Workspace scratch) {
        scaleError = Math.max(scaleError, matrix.scaleError());
        recent |= matrix.type() == GgmlType.Q2_0 || matrix.type() == GgmlType.Q1_0;
        writer.tensor(weight.name(), matrix.type(), shape(weight), () -> {
            scratch.reset();
            return reordered(weight.name(), matrix.encode(scratch), matrix.rowBytes(), scratch);
        });
    }

    /** The scale to be stored in the blocks of a matrix; notes how far rounding will take it from the true one. */
    private float inBlock(String name, float scale) {
        if (options.matrices() == MatrixType.I2_S) {
            return scale;
        }
        String matrix = base(name);
        int dot = matrix.lastIndexOf('.') + 1;
        String norm = matrix.substring(0, dot) + ScaleShift.normBefore(matrix.substring(dot)) + ".weight";
        float shifted = Math.scalb(scale, shifts.getOrDefault(norm, 0));
        float half = Float.float16ToFloat(Float.floatToFloat16(shifted));
        if (!Float.isFinite(half)) {
            throw new IllegalArgumentException(name + " has the scale " + scale + ", beyond half precision; store scales as TENSOR");
        }
        scaleError = Math.max(scaleError, Math.abs((double) half - shifted) / shifted);
        return half;
    }

    private void putNorm(GgufWriter writer, Parameter norm, Workspace scratch) {
        float factor = Math.scalb(1f, -shifts.getOrDefault(norm.name(), 0));
        writer.tensor(norm.name(), GgmlType.F32, shape(norm), () -> {
            scratch.reset();
            MemorySegment scaled = scratch.allocate(norm.value().byteSize()).segment();
            backend.axpby(factor, norm.value().segment(), 0, scaled, norm.value().size());
            return FloatEncoder.encode(norm.name(), scaled, GgmlType.F32);
        });
    }

    /** The values that a matrix multiplies with, in the order of the file's rows. */
    private MemorySegment dense(Linear matrix, Workspace scratch) {
        scratch.reset();
        Parameter weight = matrix.weight();
        MemorySegment values = weight.value().segment();
        if (!options.latent() && matrix instanceof BitLinear bits && bits.quantization().weights() != null) {
            Tensor expanded = Tensor.allocate(scratch, DType.F32, weight.shape());
            bits.quantizedWeight(backend).expand(backend, expanded);
            values = expanded.segment();
        }
        if (matrix.quantization().activations() instanceof HadamardRows) { // W (H x) = (W H) x, so each row is turned back
            MemorySegment turned = scratch.allocate(values.byteSize()).segment();
            backend.hadamard(Element.F32, true, values, matrix.inputs(), null, matrix.outputs(), matrix.inputs(), turned, matrix.inputs());
            values = turned;
        }
        return reordered(weight.name(), values, 4 * matrix.inputs(), scratch);
    }

    /** Llama files rotate values 2i and 2i+1 together: a model that rotates i and i + headDim/2 has its query and key rows interleaved. */
    private MemorySegment reordered(String name, MemorySegment rows, long rowBytes, Workspace scratch) {
        boolean rotated = name.endsWith(".attn_q.weight") || name.endsWith(".attn_k.weight");
        if (architecture != Architecture.LLAMA || config.rope() == NnOps.Rope.INTERLEAVED || !rotated) {
            return rows;
        }
        MemorySegment target = scratch.allocate(rows.byteSize()).segment();
        int width = config.headDim();
        for (long row = 0; row < rows.byteSize() / rowBytes; row++) {
            long within = row % width;
            long from = row - within + within / 2 + within % 2 * (width / 2);
            MemorySegment.copy(rows, from * rowBytes, target, row * rowBytes, rowBytes);
        }
        return target;
    }

    private List<String> warnings() {
        List<String> warnings = new ArrayList<>(stored);
        if (architecture == Architecture.BITNET_B158) {
            warnings.add(
                    "squared ReLU: Setun, Microsoft's bitnet.cpp and ik_llama.cpp compute it; llama.cpp refuses architecture bitnet-b1.58");
        }
        if (recent || options.matrices() == MatrixType.Q2_0) {
            warnings.add("types Q1_0 and Q2_0 are known to llama.cpp from 2026 on; older versions refuse the file");
        }
        decoder.linears().stream().map(linear -> linear.quantization().activations())
                .filter(activations -> activations != null && !(activations instanceof Int8Absmax)).map(ActivationQuantizer::name)
                .distinct()
                .forEach(name -> warnings
                        .add("inputs of layers were trained as " + name + "; readers of the file round them in their own way"));
        if (scaleError > 0) {
            warnings.add("scales are rounded to half precision, relative error up to " + String.format(Locale.ROOT, "%.1e", scaleError));
        }
        return warnings;
    }

    private static String base(String name) {
        return name.substring(0, name.length() - ".weight".length());
    }

    private static long[] shape(Parameter parameter) {
        long[] shape = new long[parameter.shape().rank()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = parameter.shape().dimension(i);
        }
        return shape;
    }
}
