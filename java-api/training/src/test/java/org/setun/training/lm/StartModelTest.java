package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.tokenizer.Markers;
import org.setun.formats.tokenizer.SpmTokenizer;
import org.setun.formats.tokenizer.TokenKind;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.formats.tokenizer.Vocabulary;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.nn.BitLinear;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.quant.model.ModelFile;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigException;
import org.setun.training.lm.LanguageModelTraining.Outcome;
import org.setun.training.lm.LanguageModelTraining.Resume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Runs that start from a model that exists. */
class StartModelTest {

    private static final String[] STAND_STILL = {"quantization.weights=none", "training.max_steps=1", "schedule.learning_rate=0",
            "schedule.min_learning_rate=0", "schedule.warmup_steps=0", "schedule.total_steps=1"};

    @TempDir
    static Path shared;
    private static Path text;
    private static Path run;
    private static double bitsPerByte;

    @TempDir
    Path folder;

    /** A full-precision model of another shape than the runs of the tests ask for. */
    @BeforeAll
    static void trainOne() throws IOException {
        text = Runs.text(shared);
        run = shared.resolve("first/fp32");
        bitsPerByte = train(shared.resolve("first"), Resume.NEW, "quantization.weights=none", "model.dim=64", "model.heads=4",
                "model.sub_norms=false", "training.max_steps=20").bitsPerByte();
    }

    private static Outcome train(Path checkpoints, Resume resume, String... keys) throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, checkpoints, keys), backend)) {
            return training.train(resume);
        }
    }

    private static String[] keys(Path start, String... more) {
        List<String> keys = new ArrayList<>(List.of("model.start=\"" + start + "\"", "model.dim=256", "model.layers=4", "model.heads=4",
                "model.kv_heads=4", "model.ffn=768")); // the defaults: not asked for
        keys.addAll(List.of(more));
        return keys.toArray(String[]::new);
    }

    private Path export(Decoder decoder, Tokenizer tokenizer, Backend backend) throws IOException {
        Path file = folder.resolve("start.gguf");
        GgufExporter.export(backend, decoder, tokenizer, ExportOptions.of("start", MatrixType.F32).withHalfTables(false), file);
        return file;
    }

    @Test
    void theFirstModelIsThatOfTheFileOrTheRun() throws IOException {
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(run).getLast(), pool);
            Path file = export(model.decoder(), model.tokenizer(), backend);
            assertThat(train(folder.resolve("a"), Resume.NEW, keys(run, STAND_STILL)).bitsPerByte()).isEqualTo(bitsPerByte);
            Outcome fromFile = train(folder.resolve("b"), Resume.NEW, keys(file, STAND_STILL));
            assertThat(fromFile.bitsPerByte()).as("rows of queries and keys are in another order, sums too").isCloseTo(bitsPerByte,
                    within(1e-6));
        }
    }

    /** A quantized run starts better than one from random weights, resumes bit for bit and keeps the shape in its checkpoints. */
    @Test
    void aQuantizedRunStartsFromItAndResumes() throws IOException {
        String[] keys = keys(run, "quantization.weights=uniform", "quantization.bits=4", "quantization.activations=uniform",
                "activations.range=learned",
                "activations.symmetric=false", "training.max_steps=8", "checkpoint.save_every=4",
                "schedule.learning_rate=0.001", "schedule.total_steps=8");
        double[] whole = train(folder.resolve("whole"), Resume.NEW, keys).result().losses();
        double[] random = train(folder.resolve("random"), Resume.NEW, "quantization.weights=uniform", "quantization.bits=4",
                "training.max_steps=1", "schedule.total_steps=8").result().losses();
        assertThat(whole[0]).isLessThan(0.8 * random[0]);
        Path runFolder = folder.resolve("whole/uniform");
        delete(CheckpointStore.list(runFolder).getLast());
        assertThat(train(folder.resolve("whole"), Resume.LATEST, keys).result().losses())
                .containsExactly(Arrays.copyOfRange(whole, 4, 8));
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            Decoder decoder = TrainedModel.load(CheckpointStore.list(runFolder).getLast(), pool).decoder();
            assertThat(decoder.config().dim()).isEqualTo(64);
            assertThat(decoder.linears()).allMatch(layer -> layer instanceof BitLinear bits && bits.scale() != null);
        }
    }

    /** Changes of low rank leave tables alone, resume bit for bit, and end in a model like any other. */
    @Test
    void changesOfLowRankTrain() throws IOException {
        String[] keys = keys(run, "quantization.weights=format", "quantization.format=q4_0", "training.max_steps=32",
                "checkpoint.save_every=16",
                "schedule.learning_rate=0.01", "schedule.total_steps=32", "training.lora_rank=4");
        double[] whole = train(folder.resolve("whole"), Resume.NEW, keys).result().losses();
        assertThat(Arrays.stream(whole, 24, 32).sum()).isLessThan(0.95 * Arrays.stream(whole, 0, 8).sum());
        Path runFolder = folder.resolve("whole/format");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            Decoder before = TrainedModel.load(CheckpointStore.list(run).getLast(), pool).decoder();
            Decoder after = TrainedModel.load(CheckpointStore.list(runFolder).getLast(), pool).decoder();
            assertThat(after.parameter("token_embd.weight").value().toArray()).containsExactly(
                    before.parameter("token_embd.weight").value().toArray());
            assertThat(after.parameter("blk.0.ffn_up.weight").value().toArray()).isNotEqualTo(
                    before.parameter("blk.0.ffn_up.weight").value().toArray());
            assertThat(after.parameter("output_norm.weight").value().toArray()).isNotEqualTo(
                    before.parameter("output_norm.weight").value().toArray());
        }
        delete(CheckpointStore.list(runFolder).getLast());
        assertThat(train(folder.resolve("whole"), Resume.LATEST, keys).result().losses())
                .containsExactly(Arrays.copyOfRange(whole, 16, 32));
        String[] other = Stream.concat(Arrays.stream(keys), Stream.of("training.lora_alpha=3")).toArray(String[]::new);
        assertThatThrownBy(() -> train(folder.resolve("whole"), Resume.LATEST, other)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("was made with training.lora_alpha").hasMessageContaining("this configuration has 3.0");
        assertThatThrownBy(() -> train(folder.resolve("a"), Resume.NEW, "training.lora_rank=4")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("training.lora_rank = 4").hasMessageContaining("name a model.start");
    }

    /** Beside changes of low rank, learned scales and offsets train; a table that is quantized gets a change like any matrix. */
    @Test
    void scalesAndOffsetsTrainBesideChangesOfLowRank() throws IOException {
        train(folder.resolve("run"), Resume.NEW, keys(run, "quantization.weights=uniform", "quantization.bits=3",
                "quantization.learned_scale=true", "quantization.learned_offset=true", "quantization.levels=mid_rise",
                "quantization.embedding=4", "quantization.head=4", "training.max_steps=4", "checkpoint.save_every=1",
                "schedule.learning_rate=0.01",
                "training.lora_rank=4"));
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            List<Path> saved = CheckpointStore.list(folder.resolve("run/uniform"));
            Decoder before = TrainedModel.load(saved.getFirst(), pool).decoder();
            Decoder after = TrainedModel.load(saved.getLast(), pool).decoder();
            assertThat(before.linears()).isNotEmpty().allSatisfy(layer -> {
                Parameter first = Objects.requireNonNull(((BitLinear) layer).scale());
                Parameter last = after.parameter(first.name());
                assertThat(half(last, 0)).as(first.name()).isNotEqualTo(half(first, 0));
                assertThat(after.parameter(layer.weight().name()).value().toArray()).as(layer.weight().name())
                        .isNotEqualTo(layer.weight().value().toArray());
            });
            assertThat(before.linears()).as("offsets have gradients from values beyond the levels").anySatisfy(layer -> {
                Parameter first = Objects.requireNonNull(((BitLinear) layer).scale());
                assertThat(half(after.parameter(first.name()), 1)).isNotEqualTo(half(first, 1));
            });
        }
    }

    /** The scales (0) or the offsets (1). */
    private static float[] half(Parameter scale, int row) {
        int groups = Math.toIntExact(scale.shape().columns());
        return Arrays.copyOfRange(scale.value().toArray(), row * groups, (row + 1) * groups);
    }

    /** From a file to a file: rounding costs, training gives back. */
    @Test
    void aJobGoesFromFileToFile() throws IOException {
        Path output = folder.resolve("q.gguf");
        List<QatJob.Phase> phases = new ArrayList<>();
        String[] keys = keys(run, "quantization.weights=format", "quantization.format=q2_0", "training.epochs=0.02",
                "schedule.learning_rate=0.003", "schedule.total_steps=0", "distillation.enabled=true",
                "distillation.teacher=\"" + run + "\"");
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, folder.resolve("run"), keys), backend)) {
            assertThat(training.config().training().maxSteps()).isBetween(10L, 60L);
            QatJob.Result result = QatJob.run(training, backend, Resume.NEW, "q", output, phases::add);
            assertThat(phases).containsExactly(QatJob.Phase.values());
            assertThat(result.original()).isEqualTo(bitsPerByte);
            assertThat(result.rounded()).isGreaterThan(result.original());
            assertThat(result.trained()).isLessThan(result.rounded());
            assertThat(result.file().orElseThrow().bytes()).isEqualTo(Files.size(output));
            assertThatThrownBy(() -> QatJob.run(training.override(List.of("quantization.weights=none")), backend, Resume.NEW, "q", output,
                    phases::add)).isInstanceOf(ConfigException.class).hasMessageContaining("quantization.weights = \"fp32\"");
        }
    }

    private static void delete(Path checkpoint) throws IOException {
        try (Stream<Path> files = Files.walk(checkpoint)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** Whatever was trained can be written: in a type that fits, checked before a step is made. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            quantization.weights=ternary                                                                        | 64
            quantization.weights=ternary quantization.activations=bitnet_v2                                     | 64
            quantization.weights=ternary quantization.layers=["*ffn_down=none"]                                 | 64
            quantization.weights=uniform quantization.bits=3                                                    | 64
            quantization.weights=format quantization.format=q4_0 quantization.activations=hadamard_int8         | 64
            quantization.weights=format quantization.format=q4_0 quantization.layers=["*ffn_down=none"]         | 64
            quantization.weights=format quantization.format=q4_0 quantization.embedding=8 quantization.head=8 | 64
            """)
    void everyKindOfTrainingEndsInAFile(String settings, int dim) throws IOException {
        Path output = folder.resolve("any.gguf");
        List<String> keys = new ArrayList<>(
                List.of(keys(run, "training.max_steps=2", "schedule.warmup_steps=0", "schedule.total_steps=2")));
        keys.addAll(List.of(settings.split(" +")));
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(
                        Runs.config(text, folder.resolve("run"), keys.toArray(String[]::new)), backend)) {
            QatJob.Result result = QatJob.run(training, backend, Resume.NEW, "any", output, phase -> {
            });
            assertThat(result.file().orElseThrow().bytes()).isEqualTo(Files.size(output));
            String down = settings.contains("ffn_down") ? "ffn_down" : "";
            try (ModelFile file = ModelFile.open(output, null); MemoryPool pool = new MemoryPool(backend)) {
                Decoder read = file.decoder(pool);
                assertThat(read.config().dim()).isEqualTo(dim);
                if (!down.isEmpty()) {
                    Decoder trained = TrainedModel.load(
                            CheckpointStore
                                    .list(folder.resolve("run/" + LanguageModelTraining.name(training.config().quantization().weights())))
                                    .getLast(),
                            pool).decoder();
                    assertThat(read.parameter("blk.0.ffn_down.weight").value().toArray()).as("half precision, not few bits").hasSameSizeAs(
                            trained.parameter("blk.0.ffn_down.weight").value().toArray()).usingComparatorWithPrecision(2e-3f)
                            .containsExactly(trained.parameter("blk.0.ffn_down.weight").value().toArray());
                }
            }
        }
    }

    /** With squared ReLU and no norms no engine computes the model: said before anything is trained. */
    @Test
    void whatNoFileCanHoldIsNotTrained() throws IOException {
        Path odd = folder.resolve("odd");
        train(odd, Resume.NEW, "quantization.weights=none", "model.activation=relu2", "model.sub_norms=false", "training.max_steps=1",
                "schedule.warmup_steps=0", "schedule.total_steps=1");
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(
                        Runs.config(text, folder.resolve("run"), keys(odd.resolve("fp32"), "training.max_steps=2")), backend)) {
            assertThatThrownBy(() -> QatJob.run(training, backend, Resume.NEW, "odd", folder.resolve("odd.gguf"), phase -> {
                throw new AssertionError(phase + " has begun");
            })).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("RELU2");
        }
    }

    /** Qwen's biases and head norms are trained and written, SentencePiece's tokenizer is that of the file and of checkpoints. */
    @ParameterizedTest
    @CsvSource({"false,false", "true,false", "false,true"})
    void familiesAndTheirTokenizers(boolean biases, boolean headNorms) throws IOException {
        SpmTokenizer tokenizer = sentencePiece();
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            DecoderConfig shape = new DecoderConfig(tokenizer.vocabSize(), 32, 2, 2, 1, 16, 64, 32, NnOps.Glu.SILU, false,
                    NnOps.Rope.HALVES,
                    10_000, 1e-6f, true, biases, headNorms);
            Path file = export(new Decoder(shape, Quantization.NONE, pool, DecoderInit.seeded(1)), tokenizer, backend);
            Outcome outcome = train(folder.resolve("run"), Resume.NEW, keys(file, "training.max_steps=30"));
            assertThat(outcome.result().losses()[29]).isLessThan(0.9 * outcome.result().losses()[0]);
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("run/ternary")).getLast(), pool);
            assertThat(model.tokenizer().encode("the cat", true)).isEqualTo(tokenizer.encode("the cat", true)).startsWith(1);
            assertThat(model.decoder().config().qkvBias()).isEqualTo(biases);
            assertThat(model.decoder().config().headNorms()).isEqualTo(headNorms);
            Path trained = export(model.decoder(), model.tokenizer(), backend);
            String[] again = keys(trained, STAND_STILL);
            assertThat(train(folder.resolve("again"), Resume.NEW, again).model().config().vocab()).isEqualTo(tokenizer.vocabSize());
        }
    }

    private static SpmTokenizer sentencePiece() {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
        List<TokenKind> kinds = new ArrayList<>(List.of(TokenKind.UNKNOWN, TokenKind.CONTROL, TokenKind.CONTROL));
        for (int value = 0; value < 256; value++) {
            tokens.add(String.format("<0x%02X>", value));
            kinds.add(TokenKind.BYTE);
        }
        for (String piece : ("\u2581 a b c d e f g h i j k l m n o p q r s t u v w x y z . \u2581t he \u2581the \u2581c \u2581s at")
                .split(" ")) {
            tokens.add(piece);
            kinds.add(TokenKind.NORMAL);
        }
        float[] scores = new float[tokens.size()];
        for (int i = 259; i < scores.length; i++) {
            scores[i] = -scores.length + i;
        }
        return new SpmTokenizer(new Vocabulary(tokens, kinds, new Markers(1, 2, 0, Markers.NONE, true, false)), scores, true);
    }

    @Test
    void contradictionsAreRefusedBeforeAnythingIsMade() throws IOException {
        assertThatThrownBy(() -> train(folder.resolve("a"), Resume.NEW, "model.start=\"" + run + "\"", "model.dim=48"))
                .isInstanceOf(ConfigException.class).hasMessageContaining("model.dim = 48").hasMessageContaining("has 64")
                .hasMessageContaining("leave the key out");
        assertThatThrownBy(() -> train(folder.resolve("a"), Resume.NEW, keys(run, "model.context=17")))
                .isInstanceOf(ConfigException.class).hasMessageContaining("model.context = 17").hasMessageContaining("16 positions");
        assertThatThrownBy(() -> train(folder.resolve("a"), Resume.NEW, keys(folder.resolve("none.gguf"))))
                .isInstanceOf(IOException.class).hasMessageContaining("none.gguf");
        Path small = folder.resolve("small");
        train(small, Resume.NEW, "tokenizer.vocab_size=280", "training.max_steps=1", "schedule.total_steps=1", "schedule.warmup_steps=0");
        assertThatThrownBy(() -> train(folder.resolve("a"), Resume.NEW,
                keys(run, "tokenizer.file=\"" + small.resolve("data/tokenizer.json") + "\"")))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("both need one vocabulary");
        assertThat(folder.resolve("a/ternary")).doesNotExist();
    }
}
