package org.setun.training.lm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.Sha256;
import org.setun.formats.safetensors.SafetensorsWriter;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.training.TrainingResult;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.data.TokenDataset;
import org.setun.training.event.TrainingEvent;
import org.setun.training.lm.LanguageModelTraining.Resume;
import org.setun.training.loss.LossTerm;
import org.setun.training.loss.TopKFile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Students learn from a teacher that was trained before on the same text, which is larger than they are. */
class DistillationTest {

    @TempDir
    static Path shared;
    private static Path text;
    private static Path teacher;

    @TempDir
    Path folder;

    @BeforeAll
    static void trainTeacher() throws IOException {
        text = Runs.text(shared.resolve("text"));
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, shared.resolve("teacher"), "model.dim=64",
                        "model.heads=4", "model.layers=3", "training.max_steps=250", "schedule.total_steps=250"), backend)) {
            training.train(WeightQuantizer.NONE, Resume.NEW);
        }
        teacher = shared.resolve("teacher/fp32");
    }

    private TrainingConfig config(String run, String... overrides) {
        List<String> keys = new ArrayList<>(List.of("distillation.enabled=true", "distillation.teacher=\"" + teacher + "\""));
        keys.addAll(List.of(overrides));
        return Runs.config(text, folder.resolve(run), keys.toArray(String[]::new));
    }

    private static TrainingResult run(TrainingConfig config, Resume resume, List<TrainingEvent.Step> steps) throws IOException {
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            training.listener((event, control) -> {
                if (event instanceof TrainingEvent.Step step) {
                    steps.add(step);
                }
            });
            return training.train(resume).result();
        }
    }

    private static byte[] model(Path run) throws IOException {
        return Files.readAllBytes(CheckpointStore.list(run.resolve("ternary")).getLast().resolve("model.safetensors"));
    }

    /** Every term at once, in micro-batches. */
    @Test
    void theReportedTermsAddUpToTheLossExactly() throws IOException {
        String[] all = {"distillation.gamma=0.25", "distillation.hidden=0.5", "distillation.relation=10", "distillation.relation_heads=2",
                "model.dim=64", "model.heads=4", "loss.gradient=0.1", "loss.label_smoothing=0.1", "loss.activation=0.01",
                "loss.smoothness=0.01", "loss.quantization=0.1", "loss.bit_width=0.05", "loss.sparsity=0.01", "loss.dampening=0.1",
                "loss.uncertainty=0.1", "training.accumulation_steps=3", "training.max_steps=4"};
        List<TrainingEvent.Step> steps = new ArrayList<>();
        run(config("all", all), Resume.NEW, steps);
        assertThat(steps).hasSize(4);
        assertThat(steps.getLast().terms().keySet()).containsExactly("cross_entropy", "gradient", "distillation", "reasoning", "hidden",
                "relation", "activation", "smoothness", "quantization", "bit_width", "dampening", "uncertainty", "sparsity");
        for (TrainingEvent.Step step : steps) {
            double sum = 0;
            for (double term : step.terms().values()) {
                assertThat(term).isPositive();
                sum += term;
            }
            assertThat(sum).isEqualTo(step.loss());
        }
        assertThat(Files.readString(folder.resolve("all/ternary/events.jsonl"))).contains("\"terms\":{\"cross_entropy\":");
    }

    /** Learned scales, scales per row, levels that divide the scale. */
    @ParameterizedTest
    @CsvSource({"2, stretched, largest, channel, true", "1, signed, absmean, tensor, false", "3, mid_rise, lsq, channel, true"})
    void penaltiesKnowEveryQuantizerOfEqualDistances(String bits, String levels, String scale, String granularity, boolean learned)
            throws IOException {
        List<TrainingEvent.Step> steps = new ArrayList<>();
        run(config(levels, "distillation.enabled=false", "quantization.weights=uniform", "quantization.bits=" + bits,
                "quantization.levels=" + levels, "quantization.scale=" + scale, "quantization.granularity=" + granularity,
                "quantization.learned_scale=" + learned, "loss.quantization=1", "loss.bit_width=0.1", "loss.dampening=1",
                "loss.anneal_dampening=false", "loss.uncertainty=1", "training.max_steps=3"), Resume.NEW, steps);
        assertThat(steps).hasSize(3).allSatisfy(step -> assertThat(step.terms()).containsOnlyKeys("cross_entropy", "quantization",
                "bit_width", "dampening", "uncertainty").allSatisfy((name, value) -> assertThat(value).isPositive()));
        assertThat(steps.getFirst().terms().get("dampening")).isLessThanOrEqualTo(steps.getFirst().terms().get("quantization"));
        assertThat(steps.getFirst().terms().get("uncertainty")).isLessThan(1);
    }

    /** Weights of 0 leave the cross-entropy alone, in value and gradient, bit for bit; and with a teacher its own term is the same. */
    @Test
    void withoutOtherTermsTheLossIsTheCrossEntropyBitForBit() throws IOException {
        try (Backend backend = Backends.open();
                MemoryPool pool = new MemoryPool(backend);
                Workspace workspace = new Workspace(backend);
                TokenizedCorpus corpus = TokenizedCorpus.prepare(config("bits"), folder.resolve("bits/data"))) {
            Decoder model = DecoderFactory.decoder(config("bits"), corpus.tokenizer().vocabSize(), pool, 1);
            TokenDataset data = new TokenDataset(corpus.training(), 16, 5);
            LanguageModelTask task = new LanguageModelTask(model, data, data, corpus.tokenizer(), 4);
            Tape tape = Tape.recording(backend, workspace);
            Tensor loss = task.loss(tape, 0, 4, 64);
            double expected = loss.item();
            tape.backward(loss);
            tape.reset();
            List<float[]> gradients = gradients(model);
            List<LossTerm> terms = task.terms(tape, 0, 4, 64);
            assertThat(terms).extracting(LossTerm::name).containsExactly("cross_entropy");
            assertThat(terms.getFirst().sum()).isEqualTo(expected);
            tape.backward(terms.getFirst().values().getFirst());
            tape.reset();
            assertThat(gradients(model)).usingRecursiveComparison().isEqualTo(gradients);
            task.penalties(tape, 1, term -> {
                throw new AssertionError(term.name());
            });
        }
        List<TrainingEvent.Step> plain = new ArrayList<>();
        List<TrainingEvent.Step> taught = new ArrayList<>();
        run(config("plain", "distillation.enabled=false", "training.max_steps=1"), Resume.NEW, plain);
        run(config("taught", "training.max_steps=1"), Resume.NEW, taught);
        assertThat(taught.getFirst().terms().get("cross_entropy")).isEqualTo(plain.getFirst().loss());
        assertThat(taught.getFirst().terms()).containsKey("distillation");
    }

    private static List<float[]> gradients(Decoder model) {
        List<float[]> gradients = model.parameters().stream().map(p -> p.gradient().toArray()).toList();
        model.clearGradients();
        return gradients;
    }

    @Test
    void theTeacherIsFrozen() throws IOException {
        try (Backend backend = Backends.open();
                MemoryPool pool = new MemoryPool(backend);
                Workspace workspace = new Workspace(backend);
                TokenizedCorpus corpus = TokenizedCorpus.prepare(config("frozen"), folder.resolve("frozen/data"))) {
            TrainingConfig config = config("frozen", "distillation.hidden=1", "distillation.relation=1", "model.dim=64", "model.heads=4");
            Teacher frozen = Teacher.load(teacher, pool, corpus.tokenizer(), "the student");
            String before = hash(frozen.decoder());
            Decoder model = DecoderFactory.decoder(config, corpus.tokenizer().vocabSize(), pool, 1);
            TokenDataset data = new TokenDataset(corpus.training(), 16, 5);
            LanguageModelLoss loss = new LanguageModelLoss(config, model, data, new byte[0][], frozen, null);
            LanguageModelTask task = new LanguageModelTask(model, data, data, corpus.tokenizer(), 4, loss);
            Tape tape = Tape.recording(backend, workspace);
            List<Tensor> values = task.terms(tape, 0, 4, 64).stream().flatMap(term -> term.values().stream()).toList();
            assertThat(values).as("cross-entropy, distillation, hidden, three relations").hasSize(6);
            tape.backward(values, values.stream().map(value -> Tensor.of(workspace, new float[]{1}, 1)).toList());
            tape.reset();
            assertThat(hash(frozen.decoder())).isEqualTo(before);
            assertThat(frozen.decoder().parameters()).allSatisfy(p -> assertThat(p.gradient().toArray()).containsOnly(0));
        }
        String file = Teacher.sha256(teacher);
        run(config("run", "training.max_steps=3"), Resume.NEW, new ArrayList<>());
        assertThat(Teacher.sha256(teacher)).isEqualTo(file);
    }

    private static String hash(Decoder model) {
        StringBuilder all = new StringBuilder();
        for (Parameter parameter : model.parameters()) {
            all.append(Sha256.of(parameter.value().segment()));
        }
        return all.toString();
    }

    @ParameterizedTest
    @CsvSource({"0", "8"})
    void twiceTenStepsAreTwenty(int topK) throws IOException {
        String[] keys = {"distillation.top_k=" + topK, "loss.dampening=0.1", "loss.activation=0.01", "schedule.total_steps=20"};
        TrainingResult whole = run(config("whole", with(keys, "training.max_steps=20")), Resume.NEW, new ArrayList<>());
        TrainingResult first = run(config("parts", with(keys, "training.max_steps=10")), Resume.NEW, new ArrayList<>());
        TrainingResult second = run(config("parts", with(keys, "training.max_steps=20")), Resume.LATEST, new ArrayList<>());
        assertThat(first.losses()).containsExactly(Arrays.copyOf(whole.losses(), 10));
        assertThat(second.losses()).containsExactly(Arrays.copyOfRange(whole.losses(), 10, 20));
        assertThat(model(folder.resolve("parts"))).isEqualTo(model(folder.resolve("whole")));
    }

    private static String[] with(String[] keys, String... more) {
        List<String> all = new ArrayList<>(List.of(keys));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    @Test
    void anotherVocabularyIsRefusedWithBothNamed() {
        assertThatThrownBy(() -> run(config("other", "tokenizer.vocab_size=290"), Resume.NEW, new ArrayList<>()))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("teacher " + teacher + " has 300 tokens")
                .hasMessageContaining("student of " + folder.resolve("other")).hasMessageContaining("has 290 tokens")
                .hasMessageContaining("tokenizer.file");
    }

    @Test
    void tokensOfTheSameNumberMustBeTheSame() throws IOException {
        Path other = Runs.text(folder.resolve("shuffled"));
        Files.writeString(other, Files.readString(other).replace('e', 'y').replace('o', 'w'));
        TrainingConfig config = Runs.config(other, folder.resolve("same"), "distillation.enabled=true",
                "distillation.teacher=\"" + teacher + "\"");
        assertThatThrownBy(() -> run(config, Resume.NEW, new ArrayList<>())).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has token ").hasMessageContaining("both need one vocabulary");
    }

    @Test
    void shapesThatDoNotFitAreRefused() {
        assertThatThrownBy(() -> run(config("dim", "distillation.hidden=1"), Resume.NEW, new ArrayList<>()))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("hidden states of 64 values, the student of 32")
                .hasMessageContaining("distillation.relation");
        assertThatThrownBy(() -> run(config("heads", "distillation.relation=1", "distillation.relation_heads=3"), Resume.NEW,
                new ArrayList<>())).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("relation_heads = 3: must divide");
        assertThatThrownBy(() -> run(config("context", "model.context=32"), Resume.NEW, new ArrayList<>()))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("sees 16 tokens, windows have 32");
    }

    /** A model on disk gives the logits of the decoder that it was exported from. */
    @Test
    void teachersComeFromCheckpointsAndGguf() throws IOException {
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            TrainedModel trained = TrainedModel.load(CheckpointStore.list(teacher).getLast(), pool);
            Path gguf = folder.resolve("teacher.gguf");
            GgufExporter.export(backend, trained.decoder(), trained.tokenizer(),
                    ExportOptions.of("teacher", MatrixType.F32).withHalfTables(false), gguf);
            int[] ids = trained.tokenizer().encode("the cat sees a tree", false);
            List<float[]> logits = new ArrayList<>();
            for (Path path : List.of(gguf, teacher, CheckpointStore.list(teacher).getLast())) {
                Teacher loaded = Teacher.load(path, pool, trained.tokenizer(), "the student");
                Tape tape = Tape.evaluating(backend, workspace);
                logits.add(loaded.run(tape, Tensor.of(workspace, ids, ids.length), 1, ids.length, -1, -1).logits().toArray());
                tape.reset();
            }
            assertThat(logits.get(0)).containsExactly(logits.get(1), within(1e-4f));
            assertThat(logits.get(2)).containsExactly(logits.get(1));
            assertThat(Teacher.sha256(gguf)).isEqualTo(Sha256.of(gguf));
        }
        assertThatThrownBy(() -> run(config("none", "distillation.teacher=\"" + folder.resolve("nothing") + "\""), Resume.NEW,
                new ArrayList<>())).isInstanceOf(IOException.class).hasMessageContaining("nothing");
    }

    /** A checkpoint of Hugging Face's form in half precision, with numbers that half precision holds. */
    @Test
    void teachersComeFromSafetensors() throws IOException {
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            TrainedModel trained = TrainedModel.load(CheckpointStore.list(teacher).getLast(), pool);
            Decoder model = new Decoder(
                    new DecoderConfig(300, 32, 2, 4, 2, 8, 48, 64, NnOps.Glu.SILU, false, NnOps.Rope.HALVES, 1e4f, 1e-5f,
                            true, false, true),
                    Quantization.NONE, pool, DecoderInit.seeded(3));
            SafetensorsWriter writer = new SafetensorsWriter();
            for (Parameter parameter : model.parameters()) {
                float[] values = parameter.value().toArray();
                short[] halves = new short[values.length];
                for (int i = 0; i < values.length; i++) {
                    halves[i] = Float.floatToFloat16(8 * values[i]);
                    values[i] = Float.float16ToFloat(halves[i]);
                }
                parameter.load(values);
                long[] shape = new long[parameter.shape().rank()];
                Arrays.setAll(shape, i -> parameter.shape().dimension(i));
                writer.tensor(huggingFaceName(parameter.name()), org.setun.formats.safetensors.DType.F16, shape,
                        MemorySegment.ofArray(halves));
            }
            Path checkpoint = Files.createDirectories(folder.resolve("hf"));
            writer.write(checkpoint.resolve("model.safetensors"));
            Files.writeString(checkpoint.resolve("config.json"), """
                    {"model_type": "qwen3", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
                     "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "vocab_size": 300, "rms_norm_eps": 1e-5,
                     "rope_theta": 10000, "hidden_act": "silu", "tie_word_embeddings": true}""");
            Files.copy(CheckpointStore.list(teacher).getLast().resolve("tokenizer.json"), checkpoint.resolve("tokenizer.json"));
            Teacher loaded = Teacher.load(checkpoint, pool, trained.tokenizer(), "the student");
            int[] ids = trained.tokenizer().encode("a dog likes the moon", false);
            Tape tape = Tape.evaluating(backend, workspace);
            Tensor tokens = Tensor.of(workspace, ids, ids.length);
            float[] expected = model.forward(tape, tokens, 1, ids.length).toArray();
            assertThat(loaded.run(tape, tokens, 1, ids.length, -1, -1).logits().toArray()).containsExactly(expected);
            tape.reset();
        }
    }

    private static String huggingFaceName(String gguf) {
        return (gguf.startsWith("blk.") ? "model.layers." + gguf.substring(4) : "model." + gguf).replace("token_embd", "embed_tokens")
                .replace("output_norm", "norm").replace("attn_norm", "input_layernorm").replace("ffn_norm", "post_attention_layernorm")
                .replaceAll("attn_([qkv])(_norm)?", "self_attn.$1$2").replace(".weight", "_proj.weight").replace("norm_proj", "norm")
                .replace("tokens_proj", "tokens").replace("attn_output", "self_attn.o").replaceAll("ffn_(gate|up|down)", "mlp.$1");
    }

    /** The file is made once, holds what the teacher says, and takes its place. */
    @Test
    void theLikeliestTokensOfATeacherAreKept() throws IOException {
        TrainingConfig config = config("kept", "distillation.top_k=300", "distillation.temperature=2", "training.max_steps=2");
        List<TrainingEvent.Step> steps = new ArrayList<>();
        run(config, Resume.NEW, steps);
        assertThat(steps.getFirst().terms()).containsOnlyKeys("cross_entropy", "distillation");
        Path file = folder.resolve("kept/data/teacher.topk");
        FileTime old = FileTime.fromMillis(1_000_000_000_000L);
        Files.setLastModifiedTime(file, old);
        run(config, Resume.LATEST, new ArrayList<>());
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(old);
        try (Backend backend = Backends.open();
                MemoryPool pool = new MemoryPool(backend);
                Workspace workspace = new Workspace(backend);
                TokenizedCorpus corpus = TokenizedCorpus.prepare(config, folder.resolve("kept/data"))) {
            int positions = (int) corpus.training().count() - 1;
            TopKFile.Origin origin = new TopKFile.Origin(300, 300, positions, 2, 16, Teacher.sha256(teacher), corpus.training().sha256());
            Teacher live = Teacher.load(teacher, pool, corpus.tokenizer(), "the student");
            try (TopKFile kept = TopKFile.open(file, origin)) {
                // the first window; and the last half of the second, which begins half a window later
                for (int start : new int[]{0, 8}) {
                    Tensor ids = Tensor.allocate(pool, DType.I32, 16);
                    corpus.training().copy(start, 16, ids.segment(), 0);
                    Tape tape = Tape.evaluating(backend, workspace);
                    MemorySegment logits = live.run(tape, ids, 1, 16, -1, -1).logits().segment();
                    Tensor[] rows = {Tensor.allocate(pool, DType.I32, 8, 300), Tensor.allocate(pool, DType.F32, 8, 300),
                            Tensor.allocate(pool, DType.F32, 8)};
                    kept.read(start + 8, 8, 0, rows[0], rows[1], rows[2]);
                    for (int row = 0; row < 8; row++) {
                        double sum = 0;
                        for (int j = 0; j < 300; j++) {
                            sum += Math.exp(logits.getAtIndex(ValueLayout.JAVA_FLOAT, (8 + row) * 300 + j) / 2);
                        }
                        for (int j = 0; j < 300; j++) {
                            assertThat((double) rows[1].toArray()[row * 300 + j]).isCloseTo(
                                    logits.getAtIndex(ValueLayout.JAVA_FLOAT, (8 + row) * 300 + j) / 2 - Math.log(sum), within(1e-4));
                        }
                    }
                    tape.reset();
                }
            }
            Files.write(file, new byte[]{1, 2, 3});
        }
        run(config("kept", "distillation.top_k=4", "training.max_steps=3"), Resume.LATEST, new ArrayList<>());
        assertThat(Files.size(file)).as("a file of no use is made anew").isGreaterThan(1000);
    }

    @Test
    void theLargestValuesAreFound() {
        float[] values = {3, -1, 7, 7, 0, 7, 2};
        MemorySegment segment = MemorySegment.ofArray(values);
        assertThat(new TeacherCache.TopK(2).of(segment, 7)).as("the first of equal ones").containsExactly(2, 3);
        assertThat(new TeacherCache.TopK(4).of(segment, 7)).containsExactly(0, 2, 3, 5);
        assertThat(new TeacherCache.TopK(7).of(segment, 7)).containsExactly(0, 1, 2, 3, 4, 5, 6);
    }

    /**
     * A student of few steps knows more if it had a teacher. Temperature 1, as the text has few likely continuations: what the teacher says of
     * the others is noise, which a higher temperature teaches, too.
     */
    @Test
    void aTeacherHelps() throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(config("helps",
                        "training.max_steps=100", "schedule.total_steps=100", "schedule.learning_rate=0.003", "checkpoint.folder=\"\""),
                        backend)) {
            double[] alone = bitsPerByte(training, 5, "distillation.enabled=false");
            requireBetter("forward", alone, bitsPerByte(training, 5, "distillation.enabled=true", "distillation.alpha=0",
                    "distillation.beta=1", "distillation.temperature=1"), 0.02);
            requireBetter("jensen", alone, bitsPerByte(training, 2, "distillation.beta=4", "distillation.kind=jensen"), 0);
            requireBetter("forward, top 8", alone,
                    bitsPerByte(training, 2, "distillation.beta=1", "distillation.kind=forward", "distillation.top_k=8"), 0);
        }
    }

    /** Of students with the seeds 1, 2, ... */
    private static double[] bitsPerByte(LanguageModelTraining training, int seeds, String... keys) throws IOException {
        double[] values = new double[seeds];
        for (int i = 0; i < seeds; i++) {
            training.override(List.of(with(keys, "training.seed=" + (i + 1))));
            values[i] = training.train(Resume.NEW).bitsPerByte();
        }
        return values;
    }

    private static void requireBetter(String name, double[] alone, double[] taught, double least) {
        double gain = 0;
        for (int i = 0; i < taught.length; i++) {
            gain += (alone[i] - taught[i]) / taught.length;
        }
        System.out.printf("distillation, %s: %.3f bits per byte less%n", name, gain);
        assertThat(gain).as("%s: %s with a teacher, %s without", name, Arrays.toString(taught), Arrays.toString(alone))
                .isGreaterThan(least);
    }
}
