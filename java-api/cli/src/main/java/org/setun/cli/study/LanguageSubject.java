package org.setun.cli.study;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.setun.eval.ModelComparison;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.llama2c.Llama2cModel;
import org.setun.inference.Activations;
import org.setun.inference.InferenceModel;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.nn.Decoder;
import org.setun.quant.calibration.CalibrationConfig;
import org.setun.quant.calibration.Calibrator;
import org.setun.quant.calibration.FisherLabels;
import org.setun.quant.calibration.InputStatistics;
import org.setun.quant.calibration.SampleReader;
import org.setun.quant.model.ModelFile;

/**
 * A language model in F32 (GGUF, or llama2.c with its tokenizer) and a text. Other weights are put into a copy of its file, so they go the way
 * that all weights go.
 */
final class LanguageSubject implements Subject {

    private static final Pattern BLOCK_MATRIX = Pattern.compile("blk\\.\\d+\\.(attn_(q|k|v|output)|ffn_(gate|up|down))\\.weight");
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Tokens whose inputs of the layers are gathered. */
    private static final int OBSERVED_TOKENS = 4096;

    private final String name;
    private final Path file;
    private final @Nullable Path tokenizer;
    private final Backend backend;
    private final int[] tokens;
    private final int window;
    private final InferenceModel reference;
    private final List<Matrix> matrices = new ArrayList<>();
    private final Map<String, Long> offsets = new LinkedHashMap<>();

    private LanguageSubject(Path file, @Nullable Path tokenizer, Path text, int maxTokens, int window, Backend backend) throws IOException {
        this.name = String.valueOf(file.getFileName());
        this.file = file;
        this.tokenizer = tokenizer;
        this.backend = backend;
        this.reference = open(file);
        try {
            findMatrices();
            int[] ids = reference.tokenizer().encode(SampleReader.text(text), false, false);
            this.tokens = Arrays.copyOf(ids, Math.min(ids.length, maxTokens));
            this.window = Math.min(window, reference.defaultContext());
        } catch (IOException | RuntimeException e) {
            reference.close();
            throw e;
        }
    }

    /**
     * Opens a model and its text.
     *
     * @param tokenizer of a llama2.c model; null for GGUF
     * @param maxTokens most tokens of the text to use
     * @param window    tokens seen together
     * @throws IllegalArgumentException if its matrices are not stored in F32
     */
    static LanguageSubject open(Path file, @Nullable Path tokenizer, Path text, int maxTokens, int window, Backend backend)
            throws IOException {
        return new LanguageSubject(file, tokenizer, text, maxTokens, window, backend);
    }

    private InferenceModel open(Path path) throws IOException {
        return tokenizer == null
                ? InferenceModel.open(path, backend, Activations.FP32)
                : InferenceModel.open(path, tokenizer, backend, Activations.FP32);
    }

    private void findMatrices() throws IOException {
        try (Arena arena = Arena.ofConfined(); FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            MemorySegment data = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            if (tokenizer == null) {
                GgufFile gguf = GgufFile.of(data, file.toString());
                for (GgufTensor tensor : gguf.tensors()) {
                    if (BLOCK_MATRIX.matcher(tensor.name()).matches()) {
                        if (tensor.type() != GgmlType.F32) {
                            throw new IllegalArgumentException(file + ": tensor " + tensor.name() + " is " + tensor.type()
                                    + "; a study starts from F32 weights");
                        }
                        add(tensor.name(), tensor.shape(), gguf.tensor(tensor.name()), data);
                    }
                }
            } else {
                Llama2cModel model = Llama2cModel.of(data, file.toString());
                if (model.groupSize() != 0) {
                    throw new IllegalArgumentException(file + " is int8; a study starts from F32 weights");
                }
                for (String tensor : model.names()) {
                    if (BLOCK_MATRIX.matcher(tensor).matches()) {
                        add(tensor, model.shape(tensor), model.segment(tensor), data);
                    }
                }
            }
        }
        if (matrices.isEmpty()) {
            throw new IllegalArgumentException(file + " has no matrices of decoder blocks");
        }
    }

    private void add(String tensor, long[] shape, MemorySegment bytes, MemorySegment data) {
        matrices.add(new Matrix(tensor, Math.toIntExact(shape[0]), Math.toIntExact(shape[1]), bytes.toArray(FLOAT)));
        offsets.put(tensor, bytes.address() - data.address());
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String data() {
        return String.format("%,d tokens in windows of %d", tokens.length, window);
    }

    @Override
    public List<Matrix> matrices() {
        return List.copyOf(matrices);
    }

    @Override
    public Map<String, double[]> inputProducts() throws IOException {
        List<int[]> sequences = new ArrayList<>();
        for (int from = 0; from < Math.min(tokens.length, OBSERVED_TOKENS); from += window) {
            sequences.add(Arrays.copyOfRange(tokens, from, Math.min(from + window, tokens.length)));
        }
        CalibrationConfig config = new CalibrationConfig(Map.of(), window, 0, FisherLabels.NONE, true,
                CalibrationConfig.DEFAULT_HESSIAN_BYTES);
        Map<String, double[]> products = new LinkedHashMap<>();
        try (MemoryPool memory = MemoryPool.builder(backend).build(); ModelFile model = ModelFile.open(file, tokenizer)) {
            Decoder decoder = model.decoder(memory);
            try (Calibrator calibrator = new Calibrator(backend, decoder, sequences, config, (done, total) -> {
            })) {
                calibrator.run();
                for (InputStatistics input : calibrator.inputs()) {
                    float[] mean = calibrator.hessian(input.name()).toArray(ValueLayout.JAVA_FLOAT);
                    double[] product = new double[mean.length];
                    Arrays.setAll(product, i -> mean[i]);
                    input.weights().forEach(weight -> products.put(weight, product));
                }
            }
        }
        return products;
    }

    @Override
    public ModelComparison.Result compare(Map<String, float[]> replaced) throws IOException {
        Path copy = Files.createTempFile("setun-study", ".model");
        try {
            Files.write(copy, Files.readAllBytes(file));
            try (Arena arena = Arena.ofConfined();
                    FileChannel channel = FileChannel.open(copy, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                MemorySegment data = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), arena);
                replaced.forEach((tensor, values) -> MemorySegment.copy(values, 0, data, FLOAT, offsets.get(tensor), values.length));
            }
            try (InferenceModel model = open(copy)) {
                return new ModelComparison(reference, model, backend).measure(tokens, window, done -> {
                });
            }
        } finally {
            Files.delete(copy);
        }
    }

    @Override
    public void close() {
        reference.close();
    }
}
