package org.setun.training.lm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.GemmOps;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.ExportReport;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.quant.model.ModelFile;
import org.setun.training.TrainingResult;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.TrainingConfig;
import org.setun.training.data.TokenDataset;
import org.setun.training.lm.LanguageModelTraining.Resume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Runs with the quantizers, estimators and schedules that a configuration can name. */
class QuantizedTrainingTest {

    @TempDir
    static Path shared;
    private static Path text;

    @TempDir
    Path folder;

    @BeforeAll
    static void writeText() throws IOException {
        text = Runs.text(shared);
    }

    private static TrainingResult run(Path checkpoints, Resume resume, List<String> keys, String... more) throws IOException {
        String[] all = Stream.concat(keys.stream(), Arrays.stream(more)).toArray(String[]::new);
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, checkpoints, all), backend)) {
            return training.train(resume).result();
        }
    }

    private static List<String> uniform(String... keys) {
        return Stream.concat(Stream.of("quantization.weights=uniform"), Arrays.stream(keys)).toList();
    }

    private static final List<String> MIXED = List.of("quantization.weights=ternary", "quantization.levels=symmetric",
            "quantization.layers=[\"*ffn_down=8\", \"blk.0.attn_v=4\", \"blk.1.ffn_up.weight=q8_0\", \"*ffn_gate=none\", \"*attn_k=2\"]",
            "quantization.embedding=8", "quantization.head=8", "training.precision=bf16", "model.dim=64", "model.ffn=128");

    /** Mixed precision: a file has each matrix in the type that holds it as it was trained. */
    @Test
    void everyMatrixIsExportedInItsFormat() throws IOException {
        run(folder, Resume.NEW, MIXED, "training.max_steps=4");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("ternary")).getLast(), pool);
            Path file = folder.resolve("model.gguf");
            ExportReport report = GgufExporter.export(backend, model.decoder(), model.tokenizer(),
                    ExportOptions.of("mixed", MatrixType.TRAINED),
                    file);
            assertThat(report.warnings()).noneMatch(warning -> warning.contains("which no type of GGUF holds"));
            assertThat(report.scaleError()).isBetween(1e-7, 1.0 / 2048);
            Map<String, GgmlType> types = Map.of("blk.0.attn_q.weight", GgmlType.Q2_0, "blk.1.ffn_down.weight", GgmlType.Q8_0,
                    "blk.0.attn_v.weight", GgmlType.Q4_0, "blk.1.attn_v.weight", GgmlType.Q2_0, "blk.1.ffn_up.weight", GgmlType.Q8_0,
                    "blk.0.ffn_gate.weight", GgmlType.F16, "blk.0.attn_k.weight", GgmlType.Q2_0, "token_embd.weight", GgmlType.Q8_0);
            try (GgufFile read = GgufFile.open(file)) {
                types.forEach((name, type) -> assertThat(read.info(name).type()).as(name).isEqualTo(type));
                for (Linear layer : model.decoder().linears()) {
                    float[] stored = read.floats(layer.weight().name());
                    float[] trained = layer.weight().value().toArray();
                    if (layer instanceof BitLinear bits && bits.quantization().weights() != null) {
                        Tensor values = Tensor.allocate(pool, DType.F32, layer.weight().shape());
                        bits.quantizedWeight(backend).expand(backend, values);
                        trained = values.toArray();
                    }
                    for (int i = 0; i < stored.length; i++) {
                        assertThat(stored[i]).as(layer.weight().name()).isCloseTo(trained[i], within(Math.abs(trained[i]) / 1000 + 1e-7f));
                    }
                }
            }
            assertThatThrownBy(
                    () -> GgufExporter.export(backend, model.decoder(), model.tokenizer(), ExportOptions.of("mixed", MatrixType.Q2_0),
                            file))
                    .hasMessageContaining("was not trained ternary; export as TRAINED");
        }
    }

    /** A twin in full precision quantizes nothing, whatever the layers of the other are. */
    @Test
    void theTwinOfAMixedModelIsInFullPrecision() throws IOException {
        String[] keys = Stream.concat(MIXED.stream(), Stream.of("training.max_steps=2")).toArray(String[]::new);
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, folder, keys), backend)) {
            assertThat(training.train(TrainingConfig.WeightQuantizer.NONE, Resume.NEW).model().linears())
                    .allMatch(layer -> layer.quantization().isNone());
        }
    }

    static Stream<List<String>> quantizers() {
        return Stream.of(
                uniform("quantization.bits=1", "quantization.estimator=reste", "quantization.learned_scale=false",
                        "quantization.scale=absmean"),
                uniform("quantization.bits=1.58", "quantization.levels=stretched", "quantization.estimator_limit=0.99",
                        "quantization.scale=largest"),
                uniform("quantization.bits=1.58", "quantization.estimator=gumbel", "quantization.scale=absmean",
                        "quantization.learned_scale=false",
                        "quantization.granularity=tensor", "progressive.noise=0.1"),
                uniform("quantization.bits=2", "quantization.levels=stretched", "quantization.estimator_limit=0.99",
                        "quantization.scale=largest"),
                uniform("quantization.bits=2", "quantization.estimator=dsq", "quantization.granularity=tensor",
                        "quantization.activations=none"),
                uniform("quantization.bits=3"),
                uniform("quantization.bits=3", "quantization.levels=mid_rise", "quantization.estimator=clipped"),
                uniform("quantization.bits=4", "quantization.levels=symmetric", "quantization.estimator=ewgs",
                        "quantization.scale=absmax", "quantization.learned_scale=false"),
                uniform("quantization.bits=4", "quantization.estimator=soft", "progressive.kind=soft_to_hard", "progressive.start_step=2",
                        "progressive.end_step=20"),
                uniform("quantization.bits=8", "quantization.estimator=identity", "quantization.activations=hadamard_int8",
                        "progressive.fraction=0.5"),
                uniform("quantization.bits=4", "quantization.learned_offset=true", "quantization.activations=uniform",
                        "activations.range=learned", "activations.symmetric=false"),
                uniform("quantization.bits=4", "quantization.activations=uniform", "activations.range=clipping", "activations.bits=6"),
                List.of("quantization.weights=ternary", "quantization.activations=uniform", "activations.symmetric=false"),
                List.of("quantization.weights=ternary", "quantization.activations=uniform", "activations.range=tracked",
                        "activations.statistic=percentile", "activations.calibration_frequency=5", "activations.calibration_samples=20",
                        "training.precision=bf16"),
                List.of("quantization.weights=ternary", "quantization.activations=bitnet_a48"),
                List.of("quantization.weights=ternary", "quantization.activations=bitnet_v2_int4", "training.precision=bf16"),
                List.of("quantization.weights=ternary", "progressive.kind=mix", "progressive.start_step=2", "progressive.end_step=20"),
                List.of("quantization.weights=ternary", "curriculum.start_context=4", "curriculum.context_steps=16",
                        "curriculum.start_share=0.3",
                        "curriculum.share_steps=14"),
                uniform("quantization.bits=2", "progressive.kind=bit_width", "progressive.start_bits=6", "progressive.end_step=20",
                        "progressive.shape=linear"),
                uniform("quantization.bits=1.58", "quantization.granularity=tensor", "progressive.kind=bit_width",
                        "progressive.start_bits=4", "progressive.end_step=16", "progressive.shape=linear", "schedule.kind=wsd"),
                uniform("quantization.bits=3", "progressive.kind=channel_wise", "progressive.end_step=20", "schedule.kind=plateau",
                        "schedule.plateau_patience=1", "schedule.plateau_delta=0.5"),
                List.of("quantization.weights=ternary", "progressive.kind=block_wise", "progressive.end_step=20",
                        "progressive.completion=loss", "progressive.patience=2", "progressive.threshold=0.2"),
                List.of("quantization.weights=ternary", "progressive.kind=mix", "progressive.end_step=20", "progressive.completion=error",
                        "progressive.patience=3", "progressive.threshold=0.9"),
                List.of("quantization.weights=ternary", "progressive.kind=mix", "progressive.end_step=20",
                        "progressive.completion=accuracy",
                        "progressive.threshold=9"),
                List.of("quantization.weights=ternary", "progressive.kind=layer_wise", "progressive.end_step=20",
                        "progressive.shape=linear"),
                List.of("quantization.weights=format", "quantization.format=q4_0"), MIXED,
                List.of("quantization.weights=ternary", "quantization.embedding=4", "quantization.head=8", "model.tied_head=false",
                        "progressive.kind=mix", "progressive.end_step=16"));
    }

    /** Each learns, and stopped in the middle of its schedule it goes on bit for bit. */
    @ParameterizedTest
    @MethodSource("quantizers")
    void learnsAndResumes(List<String> keys) throws IOException {
        String[] steps = {"training.max_steps=24", "training.eval_every=8", "checkpoint.save_every=12", "schedule.total_steps=24"};
        TrainingResult whole = run(folder.resolve("whole"), Resume.NEW, keys, steps);
        assertThat(whole.losses()[23]).isLessThan(0.75 * whole.losses()[0]);
        TrainingResult part = run(folder.resolve("parts"), Resume.NEW, keys, steps);
        assertThat(part.losses()).as("the same again").containsExactly(whole.losses());
        removeNewest(folder.resolve("parts").resolve(keys.getFirst().substring("quantization.weights=".length())));
        TrainingResult rest = run(folder.resolve("parts"), Resume.LATEST, keys, steps);
        assertThat(rest.losses()).containsExactly(Arrays.copyOfRange(whole.losses(), 12, 24));
        assertThat(rest.evaluations()).isEqualTo(whole.evaluations());
    }

    private static void removeNewest(Path checkpoints) throws IOException {
        Runs.delete(CheckpointStore.list(checkpoints).getLast());
    }

    /** A GGUF file of the model holds the values of its levels, and nothing of how they were learned. */
    @Test
    void whatIsExportedIsWhatWasTrained() throws IOException {
        run(folder, Resume.NEW, uniform("quantization.bits=2"), "training.max_steps=4");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("uniform")).getLast(), pool);
            Path file = folder.resolve("model.gguf");
            GgufExporter.export(backend, model.decoder(), model.tokenizer(), ExportOptions.of("levels", MatrixType.F32), file);
            try (GgufFile read = GgufFile.open(file)) {
                assertThat(read.tensors()).noneMatch(tensor -> tensor.name().endsWith(".scale"));
                BitLinear up = (BitLinear) model.decoder().linears().stream()
                        .filter(layer -> layer.weight().name().equals("blk.0.ffn_up.weight")).findFirst().orElseThrow();
                Tensor values = Tensor.allocate(pool, DType.F32, up.weight().shape());
                up.quantizedWeight(backend).expand(backend, values);
                assertThat(read.floats("blk.0.ffn_up.weight")).containsExactly(values.toArray());
            }
        }
    }

    /** Files know no rotation of inputs: the weight holds it. Nor do they hold what quantizers of inputs learned or observed. */
    @Test
    void rotationsAreFoldedIntoExportedWeights() throws IOException {
        List<String> keys = uniform("quantization.bits=4", "quantization.activations=bitnet_v2");
        run(folder, Resume.NEW, keys, "training.max_steps=4");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("uniform")).getLast(), pool);
            Path file = folder.resolve("model.gguf");
            ExportReport report = GgufExporter.export(backend, model.decoder(), model.tokenizer(), ExportOptions.of("v2", MatrixType.F32),
                    file);
            assertThat(report.warnings()).anyMatch(warning -> warning.contains("trained as hadamard-int8-absmax"));
            assertThat(GgufExporter.export(backend, model.decoder(), model.tokenizer(), ExportOptions.of("v2", MatrixType.TRAINED),
                    folder.resolve("trained.gguf")).warnings())
                    .anyMatch(warning -> warning.startsWith("blk.0.ffn_down.weight was trained as") && warning.endsWith("half precision"))
                    .noneMatch(warning -> warning.startsWith("blk.0.ffn_up"));
            try (GgufFile read = GgufFile.open(file)) {
                for (String name : List.of("blk.0.ffn_down.weight", "blk.1.attn_output.weight", "blk.0.ffn_up.weight")) {
                    BitLinear layer = (BitLinear) model.decoder().linears().stream().filter(each -> each.weight().name().equals(name))
                            .findFirst()
                            .orElseThrow();
                    Tensor values = Tensor.allocate(pool, DType.F32, layer.weight().shape());
                    layer.quantizedWeight(backend).expand(backend, values);
                    float[] row = read.floats(name);
                    long k = layer.inputs();
                    double[] x = new Random(3).doubles(k, -1, 1).toArray();
                    Tensor turned = Tensor.of(pool, toFloats(x), 1, k);
                    if (!name.endsWith("up.weight")) {
                        backend.hadamard(GemmOps.Element.F32, false, turned.segment(), k, null, 1, k, turned.segment(), k);
                    }
                    for (int o = 0; o < layer.outputs(); o++) {
                        double wanted = 0;
                        double stored = 0;
                        for (int i = 0; i < k; i++) {
                            wanted += (double) values.toArray()[(int) (o * k + i)] * turned.toArray()[i];
                            stored += row[(int) (o * k + i)] * (double) (float) x[i];
                        }
                        assertThat(stored).as(name).isCloseTo(wanted, within(1e-5));
                    }
                }
            }
        }
        run(folder.resolve("t"), Resume.NEW, List.of("quantization.weights=ternary", "quantization.activations=bitnet_v2"),
                "training.max_steps=2",
                "model.dim=64", "model.ffn=128");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("t").resolve("ternary")).getLast(), pool);
            assertThatThrownBy(
                    () -> GgufExporter.export(backend, model.decoder(), model.tokenizer(), ExportOptions.of("v2", MatrixType.Q2_0),
                            folder.resolve("t.gguf")))
                    .hasMessageContaining("behind a Hadamard transform");
        }
    }

    private static float[] toFloats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    /** A checkpoint has what was learned and observed of activations, a GGUF file has not. */
    @ParameterizedTest
    @ValueSource(strings = {"tracked", "learned", "clipping"})
    void rangesOfActivationsAreInCheckpoints(String range) throws IOException {
        run(folder, Resume.NEW, List.of("quantization.weights=ternary", "quantization.activations=uniform", "activations.range=" + range),
                "training.max_steps=4");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("ternary")).getLast(), pool);
            List<Parameter> kept = Stream.concat(model.decoder().parameters().stream(), model.decoder().buffers().stream())
                    .filter(parameter -> parameter.name().contains(".input.")).toList();
            assertThat(kept).hasSize(range.equals("tracked") ? 8 : 16); // of two blocks with four inputs
            assertThat(kept).allMatch(parameter -> parameter.value().toArray()[0] != 0);
            Path file = folder.resolve("model.gguf");
            GgufExporter.export(backend, model.decoder(), model.tokenizer(), ExportOptions.of("ranges", MatrixType.F16), file);
            try (GgufFile read = GgufFile.open(file)) {
                assertThat(read.tensors()).noneMatch(tensor -> tensor.name().contains(".input."));
            }
        }
    }

    @Test
    void aCheckpointOfMoreBitsIsNeitherEvaluatedNorExported() throws IOException {
        run(folder, Resume.NEW,
                uniform("quantization.bits=2", "quantization.learned_scale=true", "progressive.kind=bit_width", "progressive.start_bits=4",
                        "progressive.end_step=4", "training.max_steps=4", "checkpoint.save_every=2"));
        List<Path> checkpoints = CheckpointStore.list(folder.resolve("uniform"));
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            assertThatThrownBy(() -> TrainedModel.load(checkpoints.getFirst(), pool)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("step-00000002 is from the middle of progressive.kind").hasMessageContaining("step 4")
                    .hasMessageContaining("resume the run");
            assertThat(TrainedModel.load(checkpoints.getLast(), pool).state().step()).isEqualTo(4);
        }
    }

    /** Whatever training computes with, what is evaluated is what a checkpoint gives, and both are levels and nothing else. */
    @ParameterizedTest
    @ValueSource(strings = {"soft", "gumbel", "dsq", "identity"})
    void softAndRandomWeightsAreEvaluatedAndExportedAsLevels(String estimator) throws IOException {
        List<String> keys = uniform("quantization.bits=2", "quantization.granularity=tensor", "quantization.estimator=" + estimator,
                "training.max_steps=4");
        try (Backend backend = Backends.open();
                MemoryPool pool = new MemoryPool(backend);
                Workspace workspace = new Workspace(pool, 1 << 20);
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, folder, keys.toArray(String[]::new)),
                        backend)) {
            LanguageModelTraining.Outcome trained = training.train(Resume.NEW);
            TrainedModel loaded = TrainedModel.load(CheckpointStore.list(folder.resolve("uniform")).getLast(), pool);
            TokenDataset heldOut = new TokenDataset(training.corpus().heldOut(), 16, 0);
            LanguageModelTask task = new LanguageModelTask(loaded.decoder(), heldOut, heldOut, loaded.tokenizer(), 4);
            assertThat(task.evaluate(Tape.evaluating(backend, workspace), 0).value()).isEqualTo(trained.bitsPerByte());
            assertLevels(export(backend, loaded.decoder(), loaded.tokenizer()), loaded.decoder());
            assertLevels(export(backend, trained.model(), loaded.tokenizer()), trained.model());
        }
    }

    private Path export(Backend backend, Decoder model, Tokenizer tokenizer) throws IOException {
        Path file = folder.resolve("model.gguf");
        GgufExporter.export(backend, model, tokenizer, ExportOptions.of("levels", MatrixType.F32), file);
        return file;
    }

    private static void assertLevels(Path file, Decoder model) throws IOException {
        try (GgufFile read = GgufFile.open(file)) {
            for (Linear layer : model.linears()) {
                float scale = (float) Math.exp(((BitLinear) layer).scale().value().item());
                for (float value : read.floats(layer.weight().name())) {
                    assertThat(value / scale).isCloseTo(Math.round(value / scale), within(1e-5f)).isBetween(-2.00001f, 1.00001f);
                }
            }
        }
    }

    /** A file of the format that weights were trained for holds the very values of training. */
    @ParameterizedTest
    @ValueSource(strings = {"q4_0", "pi-q2", "pi-tan3:K=14"})
    void formatsAreWrittenAsTheyWereTrained(String format) throws IOException {
        String[] keys = {"quantization.weights=format", "quantization.format=" + format, "training.max_steps=4", "model.dim=256",
                "model.heads=4", "model.kv_heads=4", "model.ffn=256", "model.layers=1"};
        try (Backend backend = Backends.open();
                MemoryPool pool = new MemoryPool(backend);
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, folder, keys), backend)) {
            training.train(Resume.NEW);
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("format")).getLast(), pool);
            Path file = folder.resolve("model.gguf");
            ModelExport.write(backend, model, ModelExport.Options.of("trained"), file, 2);
            assertThat(folder).as("nothing is left beside it").isDirectoryNotContaining(path -> path.toString().contains(".latent"));
            try (ModelFile read = ModelFile.open(file, null)) {
                Decoder decoder = read.decoder(pool);
                for (Linear layer : model.decoder().linears()) {
                    Tensor values = Tensor.allocate(pool, DType.F32, layer.weight().shape());
                    ((BitLinear) layer).quantizedWeight(backend).expand(backend, values);
                    assertThat(decoder.parameter(layer.weight().name()).value().toArray()).as(layer.weight().name())
                            .containsExactly(values.toArray());
                }
                float[] table = model.decoder().parameter("token_embd.weight").value().toArray();
                float[] stored = decoder.parameter("token_embd.weight").value().toArray();
                for (int i = 0; i < table.length; i++) {
                    assertThat(stored[i]).as("tables are in half precision")
                            .isEqualTo(Float.float16ToFloat(Float.floatToFloat16(table[i])));
                }
            }
        }
    }

    @Test
    void whatIsSavedIsQuantized() throws IOException {
        run(folder, Resume.NEW, uniform("quantization.bits=2", "progressive.kind=mix", "progressive.end_step=6"), "training.max_steps=8");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(folder.resolve("uniform")).getLast(), pool);
            for (Linear layer : model.decoder().linears()) {
                BitLinear quantized = (BitLinear) layer;
                Set<Byte> levels = new HashSet<>();
                MemorySegment codes = quantized.quantizedWeight(backend).codes().segment();
                for (long i = 0; i < codes.byteSize(); i++) {
                    levels.add(codes.get(ValueLayout.JAVA_BYTE, i));
                }
                assertThat(levels).isSubsetOf((byte) -2, (byte) -1, (byte) 0, (byte) 1).hasSizeGreaterThan(1);
            }
        }
    }
}
