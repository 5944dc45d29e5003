package org.setun.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.quant.format.WeightFormats;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** {@code setun quantize} from a real checkpoint to text. */
class QuantizeCommandTest {

    private static final String STORIES = "models/stories260K/";

    @TempDir
    private Path folder;

    private record Outcome(int exit, String out, String err) {

        JsonNode json() throws IOException {
            return new ObjectMapper().readTree(out.lines().reduce((first, last) -> last).orElseThrow());
        }
    }

    private static Outcome setun(Object... words) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream capturedOut = new ByteArrayOutputStream();
        ByteArrayOutputStream capturedErr = new ByteArrayOutputStream();
        System.setOut(new PrintStream(capturedOut, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(capturedErr, true, StandardCharsets.UTF_8));
        try {
            List<String> texts = new ArrayList<>();
            for (Object word : words) {
                texts.add(word.toString());
            }
            int exit = Main.run(texts.toArray(String[]::new));
            return new Outcome(exit, capturedOut.toString(StandardCharsets.UTF_8), capturedErr.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    private Path stories(String format, String... more) throws IOException {
        Path output = folder.resolve(format + ".gguf");
        List<Object> words = new ArrayList<>(
                List.of("quantize", "--format", format, "--input", TestData.require(STORIES + "stories260K.bin"),
                        "--tokenizer", TestData.require(STORIES + "tok512.bin"), "--output", output));
        words.addAll(List.of(more));
        Outcome outcome = setun(words.toArray());
        assertThat(outcome.exit).as(outcome.err).isZero();
        return output;
    }

    @Test
    void aStoryInFewerBitsIsTheSameStoryForAWhile() throws IOException {
        String expected = Files.readString(TestData.require(STORIES + "expected_greedy_200.txt")).stripTrailing();
        assertThat(setun("generate", stories("f32"), "-n", 200, "--json").json().get("text").asText()).isEqualTo(expected);
        assertThat(setun("generate", stories("f16"), "-n", 200, "--json").json().get("text").asText())
                .startsWith(expected.substring(0, 150));
        if (WeightFormats.names().contains("q8_0")) {
            assertThat(setun("generate", stories("q8_0"), "-n", 200, "--json").json().get("text").asText())
                    .startsWith(expected.substring(0, 60));
        }
    }

    @Test
    void perplexityRisesAsBitsFall() throws IOException {
        Path text = folder.resolve("text.txt");
        Files.writeString(text, Files.readString(TestData.require("text/tinystories/sample_train.txt")).substring(0, 30_000));
        double last = 0;
        for (String format : List.of("f32", "q8_0", "q4_0")) {
            if (WeightFormats.names().contains(format)) {
                double perplexity = setun("eval", stories(format), text, "--window", 256, "--json").json().get("perplexity").asDouble();
                System.out.printf("%s: perplexity %.4f%n", format, perplexity);
                assertThat(perplexity).isBetween(Math.max(2, 0.999 * last), 1.5 * Math.max(last, 4));
                last = perplexity;
            }
        }
    }

    @Test
    void whereBlocksDoNotFitTheNextTypeIsNamed() throws IOException {
        Outcome plan = setun("quantize", "--format", "q4_0", "--dry-run", "--input", TestData.require(STORIES + "stories260K.bin"),
                "--tokenizer", TestData.require(STORIES + "tok512.bin"), "--output", folder.resolve("none.gguf"), "--json");
        assertThat(plan.exit).as(plan.err).isZero();
        JsonNode down = null;
        for (JsonNode tensor : plan.json().get("tensors")) {
            down = tensor.get("name").asText().equals("blk.0.ffn_down.weight") ? tensor : down;
        }
        assertThat(down.get("format").asText()).isEqualTo("f16");
        assertThat(down.get("note").asText()).contains("rows of 172 values");
        assertThat(folder.resolve("none.gguf")).doesNotExist();
    }

    @Test
    void aPiFileIsInspectedEvaluatedAndContinued() throws IOException {
        Path input = TestData.require("golden-models/llama-F32.gguf");
        Path output = folder.resolve("pi.gguf");
        Outcome made = setun("quantize", "--format", "pi-q3", "--k", 4, "--input", input, "--output", output, "--json");
        assertThat(made.exit).as(made.err).isZero();
        assertThat(made.json().get("architecture").asText()).isEqualTo("setun-llama");
        assertThat(made.json().get("bytes").asLong()).isEqualTo(Files.size(output));
        for (JsonNode tensor : made.json().get("tensors")) {
            assertThat(tensor.get("relative_error").asDouble()).as(tensor.get("name").asText()).isBetween(0.0, 0.5);
        }
        Outcome inspected = setun("inspect", output, "--tensors", "--errors");
        assertThat(inspected.out).contains("setun-llama").contains("pi-q3:k=4").contains("relative error").contains("SHA-256");
        JsonNode measured = setun("inspect", output, "--against", input, "--json").json().get("measured");
        assertThat(measured.get("unmatched")).isEmpty();
        for (int i = 0; i < measured.get("tensors").size(); i++) {
            JsonNode error = measured.get("tensors").get(i);
            JsonNode recorded = made.json().get("tensors").get(i);
            assertThat(error.get("name")).isEqualTo(recorded.get("name"));
            assertThat(error.get("relative_error").asDouble()).isEqualTo(recorded.get("relative_error").asDouble(), within(1e-6));
        }
        assertThat(setun("inspect", output, "--against", input).out).contains("SQNR").contains("cosine").contains("all values together")
                .contains("exact");
        assertThat(setun("generate", output, "-n", 5, "--json").json().get("tokens")).isNotEmpty();
        Path text = Files.writeString(folder.resolve("text.txt"), "t1 t2 t3 t4 t5 t6 t7 t8 ".repeat(8));
        assertThat(setun("eval", output, text, "--window", 32, "--json").json().get("perplexity").asDouble()).isPositive();
        assertThat(setun("quantize", "--format", "q4_0", "--input", output, "--output", folder.resolve("again.gguf")).exit).isEqualTo(2);
    }

    /** Two bits with everything: Hessians of the model's own inputs, both rotations, LDLQ into the lattice; then the file is judged. */
    @Test
    void quipFromCalibrationToEvaluation() throws IOException {
        Path input = TestData.require("golden-models/llama-F32.gguf");
        StringBuilder problems = new StringBuilder();
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < 8; i++) {
            String words = random.ints(40, 1, 400).mapToObj(n -> "t" + n).collect(Collectors.joining(" "));
            problems.append("{\"question\": \"").append(words).append("\", \"answer\": \"t1 t2\"}\n");
        }
        Path math = Files.writeString(folder.resolve("math.jsonl"), problems);
        Path calibration = folder.resolve("model.hessian");
        Outcome calibrated = setun("calibrate", "--model", input, "--domains", "math=" + math, "--samples", 8, "--output", calibration,
                "--json");
        assertThat(calibrated.exit).as(calibrated.err).isZero();
        Path output = folder.resolve("quip.gguf");
        Outcome made = setun("quantize", "--format", "q2-quip", "--calibration", calibration, "--input", input, "--output", output,
                "--json");
        assertThat(made.exit).as(made.err).isZero();
        for (JsonNode tensor : made.json().get("tensors")) {
            if (tensor.get("name").asText().matches("blk.*(attn_[qkv]|output|gate|up|down).weight")) {
                assertThat(tensor.get("format").asText()).startsWith("e8p");
                assertThat(tensor.get("rounding").asText()).isEqualTo("ldlq");
                assertThat(tensor.get("incoherence").asText()).isEqualTo("hadamard");
                JsonNode outliers = tensor.get("outliers");
                assertThat(outliers.get("before").get("mu").asDouble()).isGreaterThan(1);
                assertThat(outliers.get("after").get("kurtosis").asDouble()).isBetween(2.0, 4.0);
            } else {
                assertThat(tensor.get("outliers").isNull()).isTrue();
            }
        }
        Path text = Files.writeString(folder.resolve("text.txt"), "t1 t2 t3 t4 t5 t6 t7 t8 ".repeat(8));
        double original = setun("eval", input, text, "--window", 32, "--json").json().get("perplexity").asDouble();
        double quip = setun("eval", output, text, "--window", 32, "--json").json().get("perplexity").asDouble();
        System.out.printf("perplexity %.3f, q2-quip %.3f%n", original, quip);
        assertThat(quip).isBetween(0.8 * original, 1.25 * original);
    }

    @Test
    void wrongUsageSaysWhatThereIs() throws IOException {
        Path input = TestData.require("golden-models/llama-F32.gguf");
        Path output = folder.resolve("out.gguf");
        assertThat(setun("quantize", "--format", "q9", "--input", input, "--output", output).err).contains("q9").contains("pi-q3");
        assertThat(setun("quantize", "--format", "f16", "--k", 4, "--input", input, "--output", output).err).contains("--k");
        assertThat(setun("quantize", "--format", "f16", "--rounding", "gptq", "--input", input, "--output", output).err)
                .contains("setun calibrate");
        assertThat(setun("quantize", "--format", "f16", "--budget", "many", "--input", input, "--output", output).err).contains("--budget");
        assertThat(setun("quantize", "--format", "f16", "--input", input, "--output", input).exit).isEqualTo(2);
        assertThat(setun("quantize", "--help").out).contains("Examples").contains("q2-quip");
        assertThat(output).doesNotExist();
    }
}
