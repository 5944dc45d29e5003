package org.setun.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsWriter;

import static org.assertj.core.api.Assertions.assertThat;

/** The commands as a user types them: exit codes, what goes to standard output, what to standard error, what is left on disk. */
class CommandsTest {

    private record Outcome(int exit, String out, String err) {

        List<JsonNode> json() {
            return out.lines().map(line -> {
                try {
                    return new ObjectMapper().readTree(line);
                } catch (IOException e) {
                    throw new AssertionError("not JSON: " + line, e);
                }
            }).toList();
        }
    }

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"doctor", "quickstart", "train", "qat", "tune", "mnist", "export", "generate", "eval", "inspect", "bench",
            "bench kernels",
            "bench figures", "bench train", "bench memory", "study", "study pi", "study qat", "study qat twins", "study qat mnist",
            "study qat convergence",
            "study qat gradients", "calibrate", "imatrix", "quantize",
            "data",
            "data get"})
    void everyCommandExplainsItself(String command) {
        String[] words = (command + " --help").split(" ");
        Outcome outcome = setun(words);
        assertThat(outcome.exit).isZero();
        assertThat(outcome.out).contains("Usage: setun " + command);
    }

    @Test
    void wrongUsageIsExitCodeTwoAndNothingOnStandardOutput() {
        Outcome unknown = setun("quickstrat");
        assertThat(unknown.exit).isEqualTo(2);
        assertThat(unknown.out).isEmpty();
        assertThat(unknown.err).contains("quickstart");
        assertThat(setun("generate").exit).isEqualTo(2);
    }

    @Test
    void doctorTestsEveryKernelOnEveryTier() {
        Outcome outcome = setun("doctor", "--quick", "--json");
        assertThat(outcome.exit).isZero();
        JsonNode report = outcome.json().getFirst();
        assertThat(report.get("self_tests")).isNotEmpty().allSatisfy(test -> assertThat(test.get("passed").asBoolean()).isTrue());
        assertThat(report.get("self_tests").findValuesAsText("tier")).contains("portable", report.get("tier").asText());
    }

    @Test
    void benchPrintsOneCheckedRowPerMeasurement() {
        Outcome outcome = setun("bench", "kernels", "--kernel", "ternary_gemm,ternary_gemm_f32,ternary_quantize_pack", "--shape", "64x300",
                "--n", "1,3", "--threads", "1", "--seconds", "0.01", "--cold-mb", "1", "--tier", "portable", "--json", "--chart",
                folder.resolve("roofline.svg").toString());
        assertThat(outcome.err).contains("roofline.svg");
        assertThat(outcome.json().getFirst().get("limits").get("ways_gb_s")).isNotEmpty();
        List<JsonNode> rows = outcome.json().subList(1, outcome.json().size());
        assertThat(rows).hasSize(10).allSatisfy(row -> {
            assertThat(row.fieldNames()).toIterable().containsExactly("kernel", "format", "m", "k", "n", "threads", "tier", "cold",
                    "working_set_mb", "us_median", "gmac_s", "gb_s", "macs_per_byte", "peak_gmac_s", "bandwidth_gb_s", "ceiling_gb_s",
                    "bandwidth_way", "peak_share", "bandwidth_share", "check");
            assertThat(row.get("tier").asText()).isEqualTo("portable");
            assertThat(row.get("us_median").asDouble()).isPositive();
        });
        boolean impossible = rows.stream().anyMatch(
                row -> row.get("peak_share").asDouble() > 1.03
                        || row.get("gb_s").asDouble() > 1.03 * row.get("ceiling_gb_s").asDouble(1e9));
        assertThat(outcome.exit).as(outcome.err).isEqualTo(impossible ? 1 : 0);
        assertThat(outcome.err.contains("more than 100 %")).isEqualTo(impossible);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--shape 64", "--kernel ternary", "--tier amx9", "--n 0", "--threads -1", "--seconds 0", "--chart roof.gif"})
    void benchRefusesWhatItCannotMeasure(String options) {
        Outcome refused = setun(("bench kernels " + options).split(" "));
        assertThat(refused.exit).isEqualTo(2);
        assertThat(refused.out).isEmpty();
        assertThat(refused.err).contains(options.split(" ")[1]);
    }

    @Test
    void benchTrainTimesStepsThatLearn() {
        Outcome outcome = setun("bench", "train", "--model", "mlp,decoder-3m", "--mode", "fp32,ternary-bf16", "--threads", "1", "--warm-up",
                "1",
                "--steps", "4", "--set", "training.batch_size=4", "--set", "model.layers=1", "--set", "model.context=32", "--set",
                "schedule.learning_rate=1e-3", "--json");
        assertThat(outcome.exit).as(outcome.err).isZero();
        assertThat(outcome.json()).hasSize(4).allSatisfy(row -> {
            assertThat(row.get("ms_median").asDouble()).isPositive().isGreaterThanOrEqualTo(row.get("ms_best").asDouble());
            assertThat(row.get("last_loss").asDouble()).isLessThan(row.get("first_loss").asDouble());
            assertThat(row.get("memory_bytes").asLong()).isGreaterThan(12 * row.get("parameters").asLong());
            assertThat(row.get("operations")).isEmpty();
        });
        Outcome operations = setun("bench", "train", "--model", "mlp", "--mode", "ternary", "--threads", "1", "--warm-up", "0", "--steps",
                "2",
                "--operations");
        assertThat(operations.out).contains("ternaryGemm ").contains("adam ").contains("outside the backend");
        List<JsonNode> memory = setun("bench", "memory", "--model", "decoder-3m", "--json").json();
        assertThat(memory).hasSize(5);
        for (JsonNode row : memory) { // every setting helps, on both sides
            assertThat(row.get("ternary_mb").asDouble()).isLessThanOrEqualTo(memory.getFirst().get("ternary_mb").asDouble());
            assertThat(row.get("full_precision_mb").asDouble()).isLessThanOrEqualTo(memory.getFirst().get("full_precision_mb").asDouble());
        }
        assertThat(memory.getLast().get("of_adamw").asDouble()).isLessThan(0.4);
        assertThat(setun("bench", "train", "--threads", "0").err).contains("threads = 0");
        assertThat(setun("bench", "train", "--set", "training.precison=bf16").err).contains("training.precision");
    }

    @Test
    void benchFiguresPrintsEveryCaseWithItsVerdict() {
        Outcome outcome = setun("bench", "figures", "--seconds", "0.01", "--cold-mb", "2", "--json");
        assertThat(outcome.exit).as(outcome.err).isIn(0, 1);
        JsonNode figures = outcome.json().getFirst().get("figures");
        assertThat(figures).hasSizeGreaterThan(15).allSatisfy(figure -> {
            assertThat(figure.fieldNames()).toIterable().containsExactlyInAnyOrder("case", "must", "aim", "measured", "unit", "note",
                    "verdict");
            assertThat(figure.get("measured").isNull()).isEqualTo(figure.get("verdict").asText().equals("NOT_RUN"));
        });
        assertThat(figures.findValuesAsText("case")).anyMatch(name -> name.contains("amx")).anyMatch(name -> name.contains("Java adds"));
    }

    @Test
    void inspectRefusesWhatIsNoModel() throws IOException {
        Path file = Files.writeString(folder.resolve("model.gguf"), "GGUF but not really");
        Outcome outcome = setun("inspect", file.toString());
        assertThat(outcome.exit).isEqualTo(2);
        assertThat(outcome.err).contains("model.gguf");
        assertThat(setun("inspect", folder.resolve("none").toString()).err).contains("no such file");
    }

    @Test
    void trainNamesTheNearestKey() {
        Outcome outcome = setun("train", "--set", "training.max_stepz=3");
        assertThat(outcome.exit).isEqualTo(2);
        assertThat(outcome.err).contains("training.max_steps");
        assertThat(setun("train", "--print-config", "--set", "training.max_steps=3", "--set", "schedule.warmup_steps=1").out)
                .contains("max_steps = 3");
    }

    @Test
    void trainResumeExportInspectGenerateEval() throws IOException {
        Path config = Files.writeString(folder.resolve("tiny.toml"), """
                [model]
                dim = 256
                layers = 1
                ffn = 256
                context = 32
                [tokenizer]
                vocab_size = 300
                [training]
                batch_size = 2
                max_steps = 4
                eval_steps = 2
                [schedule]
                warmup_steps = 1
                total_steps = 8
                [data]
                paths = ["%s"]
                [checkpoint]
                folder = "%s"
                """.formatted(corpus(), folder.resolve("run")));
        Outcome trained = setun("train", config.toString(), "--json");
        assertThat(trained.exit).as(trained.err).isZero();
        assertThat(trained.json().getLast().get("result").asText()).isEqualTo("ternary");
        assertThat(setun("train", config.toString()).err).contains("resume");
        Outcome resumed = setun("train", config.toString(), "--resume", "--set", "training.max_steps=8", "--json");
        assertThat(resumed.exit).as(resumed.err).isZero();
        assertThat(resumed.json().getLast().get("steps").asInt()).isEqualTo(8);

        Path model = folder.resolve("model.gguf");
        Path checkpoint = newest(folder.resolve("run/ternary"));
        assertThat(setun("export", checkpoint.toString(), model.toString()).out).contains("architecture bitnet");
        assertThat(setun("inspect", model.toString(), "--tensors").out).contains("blk.0.attn_q.weight").contains("tq2_0");
        assertThat(setun("inspect", model.toString(), "--json").json().getFirst().get("tensors")).isNotEmpty();
        Outcome generated = setun("generate", model.toString(), "-p", "the cat", "-n", "5", "--json");
        assertThat(generated.err.lines().filter(line -> line.contains("backend"))).singleElement().asString().startsWith("setun: backend ");
        assertThat(generated.err).doesNotContain("INFO").doesNotContain("Backends");
        JsonNode generation = generated.json().getFirst();
        assertThat(generation.get("tokens")).hasSizeBetween(1, 5);
        Path text = Files.writeString(folder.resolve("text.txt"), "the cat sat on the mat. ".repeat(20));
        JsonNode score = setun("eval", model.toString(), text.toString(), "--window", "16", "--json").json().getFirst();
        assertThat(score.get("perplexity").asDouble()).isBetween(1.0, 301.0);
    }

    @Test
    void studiesOfTrainingGoOnAndPrintTablesOrJson() throws IOException {
        Path text = Files.writeString(folder.resolve("study.txt"), "the cat sat on the mat. ".repeat(60));
        String[] command = ("study qat gradients --text " + text + " --out " + folder.resolve("study")
                + " --steps 2 --estimators lsq,identity "
                + "--set tokenizer.vocab_size=270 --set model.dim=32 --set model.ffn=32 --set model.context=8 --set schedule.warmup_steps=1 "
                + "--markdown " + folder.resolve("study.md")).split(" ");
        Outcome first = setun(command);
        assertThat(first.exit).as(first.err).isZero();
        assertThat(first.err).contains("trains lsq");
        assertThat(first.out).contains("| lsq |", "| identity |");
        assertThat(folder.resolve("study.md")).hasContent(first.out);
        String[] json = Arrays.copyOf(command, command.length + 1);
        json[command.length] = "--json";
        Outcome again = setun(json);
        assertThat(again.err).doesNotContain("trains");
        assertThat(again.json().getFirst().get("rows")).hasSize(2)
                .allSatisfy(row -> assertThat(row.get("cosine").asDouble()).isBetween(-1.0,
                        1.0));
        command[8] = "3";
        Outcome other = setun(command);
        assertThat(other.exit).isEqualTo(2);
        assertThat(other.err).contains("steps = 2, not 3", "--out");
        assertThat(setun("study", "qat", "mnist", folder.toString()).err).contains("--out");
        assertThat(setun("study", "qat").err).contains("twins, mnist, convergence or gradients");
    }

    /** A model, text, a calibration, an importance matrix; wrong input is said before any work and harms no file. */
    @Test
    void tuneFindsAndGoesOn() throws IOException {
        Path out = folder.resolve("search");
        String[] words = {"tune", "--set", "data.paths=[\"" + corpus() + "\"]", "--set", "tokenizer.vocab_size=300", "--set",
                "model.dim=32",
                "--set", "model.layers=1", "--set", "model.heads=2", "--set", "model.kv_heads=2", "--set", "model.ffn=32", "--set",
                "model.context=16", "--set", "training.batch_size=2", "--set", "training.max_steps=4", "--set", "schedule.warmup_steps=1",
                "--search", "schedule.learning_rate=log(1e-4, 1e-1)", "--trials", "4", "--halving", "2", "--least-steps", "2", "--out",
                out.toString(), "--json"};
        Outcome found = setun(words);
        assertThat(found.exit).as(found.err).isZero();
        JsonNode result = found.json().getLast();
        assertThat(result.get("trials").asInt()).isEqualTo(4);
        assertThat(result.at("/best/steps").asInt()).isEqualTo(4);
        String rate = result.at("/best/values").get("schedule.learning_rate").asText();
        assertThat(setun("train", out.resolve("best.toml").toString(), "--print-config").out)
                .contains("learning_rate = " + Double.parseDouble(rate));
        assertThat(out.resolve("trials.svg")).isNotEmptyFile();
        Outcome again = setun(words);
        assertThat(again.json()).as("nothing is left to do").hasSize(1);
        assertThat(setun("tune", "--search", "schedule.learning_rat=log(1, 2)", "--out", out.toString()).err)
                .contains("did you mean schedule.learning_rate");
    }

    @Test
    void qatFromFileToFile() throws IOException {
        String model = tinyModel();
        String output = folder.resolve("small.gguf").toString();
        String[] words = {"qat", model, output, "--text", folder.resolve("corpus").toString(), "--format", "pi-q2", "--teacher", model,
                "--epochs", "0.2", "--use-lora", "--lora-rank", "4", "--set", "model.context=32", "--json"};
        Outcome trained = setun(words);
        assertThat(trained.exit).as(trained.err).isZero();
        List<JsonNode> lines = trained.json();
        assertThat(lines.stream().filter(line -> line.path("event").asText().equals("phase")).map(line -> line.get("phase").asText()))
                .containsExactly("calibrate", "init", "teacher", "train", "export");
        JsonNode result = lines.getLast();
        assertThat(result.get("trained_bits_per_byte").asDouble()).isPositive();
        assertThat(result.get("bytes").asLong()).isEqualTo(Files.size(Path.of(output)));
        Outcome inspected = setun("inspect", output);
        assertThat(inspected.exit).isZero();
        assertThat(inspected.out).contains("pi-q2");
        assertThat(setun(words).err).contains("resume it or choose another checkpoint.folder");
        assertThat(setun("qat", model, output).err).contains("--text is missing");
        assertThat(setun("qat", folder.resolve("none.gguf").toString(), output, "--text", "x").err).contains("none.gguf");
    }

    @Test
    void calibrateAndImatrix() throws IOException {
        String model = tinyModel();
        StringBuilder problems = new StringBuilder();
        for (int i = 0; i < 40; i++) {
            problems.append("{\"question\": \"the cat sat ").append(i).append(" times?\", \"answer\": \"on the mat\"}\n");
        }
        Path math = Files.writeString(folder.resolve("math.jsonl"), problems);
        Path output = folder.resolve("calibration.safetensors");
        String domains = "math=" + math + ",language=" + folder.resolve("corpus");
        Outcome calibrated = setun("calibrate", "--model", model, "--domains", domains, "--samples", "30", "--hessian-memory", "1",
                "--output",
                output.toString(), "--json");
        assertThat(calibrated.exit).as(calibrated.err).isZero();
        JsonNode result = calibrated.json().getFirst();
        assertThat(result.get("hessians").asInt()).isEqualTo(5);
        assertThat(result.get("fisher").asInt()).isEqualTo(8);
        assertThat(result.get("passes").asInt()).isEqualTo(5); // 256 x 256 x 12 bytes each: one per pass
        assertThat(result.get("provenance").get("domains").findValuesAsText("samples")).containsExactly("10", "20");
        assertThat(setun("inspect", output.toString(), "--tensors").out).contains("blk.0.ffn_down.weight.hessian");
        byte[] before = Files.readAllBytes(output);

        byte[] data = Files.readAllBytes(math);
        assertThat(setun("calibrate", "--model", model, "--domains", domains, "--samples", "30", "-o", math.toString()).err)
                .contains("would overwrite the input " + math);
        assertThat(setun("imatrix", "--model", model, "--data", math.toString(), "-o", math.toString()).err)
                .contains("would overwrite the input " + math);
        assertThat(math).hasBinaryContent(data);
        assertThat(setun("calibrate", "--model", model, "--domains", domains, "--samples", "300", "-o", output.toString()).err)
                .contains("samples in its files");
        assertThat(setun("calibrate", "--model", model, "--domains", "poems=" + math, "-o", output.toString()).err).contains("tool-use");
        assertThat(setun("calibrate", "--model", model, "--domains", domains, "--format", "9bit", "-o", output.toString()).exit)
                .isEqualTo(2);
        assertThat(setun("calibrate", "--model", model, "--domains", domains, "--context", "33", "-o", output.toString()).err)
                .contains("[2, 32]");
        assertThat(setun("calibrate", "--model", model, "-o", output.toString()).exit).isEqualTo(2);
        assertThat(setun("calibrate", "--model", model, "--domains", domains, "-o", model).err).contains("would overwrite the input");
        assertThat(Files.readAllBytes(output)).isEqualTo(before);

        Path checkpoint = huggingFace(300);
        Files.writeString(folder.resolve("own.safetensors.partial.journal"), "setun calibrate 1 another job\n");
        Outcome own = setun("calibrate", "--model", checkpoint.toString(), "--domains", domains, "--samples", "20", "-o",
                folder.resolve("own.safetensors").toString());
        assertThat(own.exit).as(own.err).isZero();
        assertThat(own.err).contains("starting again");
        assertThat(own.out).contains("5 inputs, 5 Hessians");
        assertThat(setun("imatrix", "--model", checkpoint.toString(), "--data", math.toString(), "-o",
                folder.resolve("own.gguf").toString()).out).contains("7 tensors");

        Path imatrix = folder.resolve("imatrix.gguf");
        Outcome computed = setun("imatrix", "--model", model, "--data", math.toString(), "--chunks", "3", "-o", imatrix.toString(),
                "--json");
        assertThat(computed.exit).as(computed.err).isZero();
        assertThat(computed.json().getFirst().get("tensors").asInt()).isEqualTo(7);
        assertThat(computed.json().getFirst().get("tokens").asInt()).isEqualTo(96);
        assertThat(setun("inspect", imatrix.toString(), "--tensors").out).contains("blk.0.attn_q.weight.in_sum2");
        assertThat(setun("imatrix", "--model", model, "--data", math.toString(), "--process-output", "--context", "16", "-o",
                imatrix.toString()).out).contains("8 tensors").contains("chunks of 16 tokens");
    }

    /** A Hugging Face checkpoint of random weights, with the tokenizer of the trained model. */
    private Path huggingFace(int vocab) throws IOException {
        Path checkpoint = Files.createDirectories(folder.resolve("checkpoint"));
        Path tokenizer = newest(folder.resolve("run/ternary")).resolve("tokenizer.json");
        Files.copy(tokenizer, checkpoint.resolve("tokenizer.json"));
        Files.copy(tokenizer.resolveSibling("tokenizer_config.json"), checkpoint.resolve("tokenizer_config.json"));
        Files.writeString(checkpoint.resolve("config.json"), """
                {"model_type": "qwen3", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
                 "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 32, "vocab_size": %d, "rms_norm_eps": 1e-5,
                 "tie_word_embeddings": true}""".formatted(vocab));
        SafetensorsWriter writer = new SafetensorsWriter();
        String layer = "model.layers.0.";
        weight(writer, "model.embed_tokens.weight", vocab, 16);
        weight(writer, layer + "self_attn.q_proj.weight", 16, 16);
        weight(writer, layer + "self_attn.k_proj.weight", 8, 16);
        weight(writer, layer + "self_attn.v_proj.weight", 8, 16);
        weight(writer, layer + "self_attn.o_proj.weight", 16, 16);
        weight(writer, layer + "self_attn.q_norm.weight", 8);
        weight(writer, layer + "self_attn.k_norm.weight", 8);
        weight(writer, layer + "mlp.gate_proj.weight", 24, 16);
        weight(writer, layer + "mlp.up_proj.weight", 24, 16);
        weight(writer, layer + "mlp.down_proj.weight", 16, 24);
        weight(writer, layer + "input_layernorm.weight", 16);
        weight(writer, layer + "post_attention_layernorm.weight", 16);
        weight(writer, "model.norm.weight", 16);
        writer.write(checkpoint.resolve("model.safetensors"));
        return checkpoint;
    }

    private static void weight(SafetensorsWriter writer, String name, long... shape) {
        SplittableRandom random = new SplittableRandom(name.hashCode());
        float[] values = new float[(int) Arrays.stream(shape).reduce(1, Math::multiplyExact)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        writer.tensor(name, DType.F32, shape, MemorySegment.ofArray(values));
    }

    @Test
    void quickstartTrainsBothModelsAndLeavesForeignFilesAlone() throws IOException {
        Path out = folder.resolve("quickstart");
        String[] words = {"quickstart", "--data", corpus().toString(), "--out", out.toString(), "--minutes", "0.01", "--prompt", "the cat",
                "--set", "tokenizer.vocab_size=300", "--set", "model.context=32", "--set", "training.batch_size=2", "--set",
                "model.layers=1"};
        Outcome first = setun(words);
        assertThat(first.exit).as(first.err).isZero();
        assertThat(first.out).contains("order-5 byte n-gram").contains("ternary completes").contains("generation, tokens/s");
        assertThat(out.resolve("ternary.gguf")).exists();
        assertThat(out.resolve("held-out.svg")).exists();
        assertThat(out.resolve("held-out.png")).exists();

        Path foreign = Files.createDirectory(folder.resolve("foreign"));
        Files.writeString(foreign.resolve("thesis.txt"), "years of work");
        words[4] = foreign.toString();
        assertThat(setun(words).exit).isEqualTo(2);
        assertThat(foreign.resolve("thesis.txt")).hasContent("years of work");
    }

    /** A GGUF file of a model of two steps, wide enough for blocks of 256. */
    private String tinyModel() throws IOException {
        Path config = Files.writeString(folder.resolve("tiny.toml"), """
                [model]
                dim = 256
                layers = 1
                ffn = 256
                context = 32
                [tokenizer]
                vocab_size = 300
                [training]
                batch_size = 2
                max_steps = 2
                [schedule]
                warmup_steps = 1
                total_steps = 2
                [data]
                paths = ["%s"]
                [checkpoint]
                folder = "%s"
                """.formatted(corpus(), folder.resolve("run")));
        assertThat(setun("train", config.toString()).exit).isZero();
        String model = folder.resolve("model.gguf").toString();
        assertThat(setun("export", newest(folder.resolve("run/ternary")).toString(), model).exit).isZero();
        return model;
    }

    private Path corpus() throws IOException {
        Path corpus = folder.resolve("corpus");
        Files.createDirectories(corpus);
        String[] words = {"the", "cat", "dog", "mat", "log", "sat", "lay", "on", "and", "ran"};
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 24; i++) {
            StringBuilder text = new StringBuilder();
            for (int word = 0; word < 400; word++) {
                text.append(words[random.nextInt(words.length)]).append(word % 12 == 11 ? ".\n" : " ");
            }
            Files.writeString(corpus.resolve(i + ".txt"), text);
        }
        return corpus;
    }

    private static Path newest(Path run) throws IOException {
        try (Stream<Path> steps = Files.list(run)) {
            return steps.filter(path -> path.getFileName().toString().startsWith("step-")).max(Path::compareTo).orElseThrow();
        }
    }

    private static Outcome setun(String... words) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream capturedOut = new ByteArrayOutputStream();
        ByteArrayOutputStream capturedErr = new ByteArrayOutputStream();
        System.setOut(new PrintStream(capturedOut, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(capturedErr, true, StandardCharsets.UTF_8));
        try {
            int exit = Main.run(words);
            return new Outcome(exit, capturedOut.toString(StandardCharsets.UTF_8), capturedErr.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }
}
