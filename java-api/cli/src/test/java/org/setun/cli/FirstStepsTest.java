package org.setun.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufWriter;
import org.setun.testsupport.TestData;
import picocli.CommandLine;
import picocli.CommandLine.Command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** What somebody meets who does not know the program yet: help, slips, and what is said of a file that was made. */
class FirstStepsTest {

    @TempDir
    Path folder;

    private record Ended(int code, String out, String err) {

        JsonNode json() throws IOException {
            return new ObjectMapper().readTree(out);
        }
    }

    private static Ended run(Object... words) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
        ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(outBytes, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(errBytes, true, StandardCharsets.UTF_8));
            int code = Main.run(Stream.of(words).map(String::valueOf).toArray(String[]::new));
            return new Ended(code, outBytes.toString(StandardCharsets.UTF_8), errBytes.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    /** A model of one block: a matrix, a norm and a table. */
    private Path model(int columns) throws IOException {
        Path file = folder.resolve("model-" + columns + ".gguf");
        new GgufWriter("other").uint32("other.block_count", 1).string("general.name", "a name that is longer than a line can show, by far")
                .float32s("numbers", new float[]{0.5f, Float.NaN})
                .tensor("token_embd.weight", GgmlType.F32, new long[]{4, 256}, normal(4 * 256, 100))
                .tensor("blk.0.attn_norm.weight", GgmlType.F32, new long[]{8}, normal(8, 1))
                .tensor("blk.0.ffn_up.weight", GgmlType.F32, new long[]{4, columns}, normal(4 * columns, 1)).write(file);
        return file;
    }

    private static MemorySegment normal(int count, double scale) {
        SplittableRandom random = new SplittableRandom(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return MemorySegment.ofArray(values);
    }

    private Ended quantize(Path input, String output, String... more) {
        List<Object> words = new ArrayList<>(List.of("quantize", "--input", input, "--output", folder.resolve(output)));
        words.addAll(List.of(more));
        return run(words.toArray());
    }

    static List<String> commands() {
        List<String> paths = new ArrayList<>();
        add(Main.line(), "", paths);
        assertThat(paths).contains("", "quantize", "bench kernels", "study pi");
        return paths;
    }

    private static void add(CommandLine line, String path, List<String> paths) {
        paths.add(path);
        line.getSubcommands().forEach((name, command) -> {
            if (!name.equals("help")) {
                add(command, (path + " " + name).strip(), paths);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("commands")
    void helpSaysNothingOnStandardError(String command) {
        Ended ended = run(Stream.of((command + " --help").strip().split(" ")).toArray());
        assertThat(ended.code).isZero();
        assertThat(ended.err).isEmpty();
        assertThat(ended.out).contains("Usage: setun").doesNotContain("WARN").doesNotContain("${");
    }

    @Test
    void examplesAreNotWrapped() {
        assertThat(run("quantize", "--help").out.lines().filter(line -> line.startsWith("  setun quantize")))
                .hasSizeGreaterThan(3).allSatisfy(line -> assertThat(line.endsWith("\\") || line.endsWith(".gguf")).as(line).isTrue());
    }

    @ParameterizedTest
    @CsvSource({
            "'quantize --formt q4_k --input a --output b', 'unknown option --formt; the nearest is --format; see setun quantize --help'",
            "'quantize --format=q4_k --inptu=a --output b', 'unknown option --inptu; the nearest is --input; see setun quantize --help'",
            "'generate any.gguf --tempratur 1', 'unknown option --tempratur; the nearest is --temperature; see setun generate --help'",
            "'quantise', 'unknown command quantise; the nearest is quantize; see setun --help'",
            "'study pie', 'unknown command pie; the nearest is pi; see setun study --help'"})
    void aSlipIsNamedInOneLine(String words, String expected) {
        Ended ended = run((Object[]) words.split(" "));
        assertThat(ended.code).isEqualTo(2);
        assertThat(ended.out).isEmpty();
        assertThat(ended.err.strip()).isEqualTo("setun: " + expected);
    }

    @Test
    void aMissingOptionIsNamedInOneLine() {
        Ended ended = run("quantize", "--input", "a", "--output", "b");
        assertThat(ended.code).isEqualTo(2);
        assertThat(ended.err).contains("--format").contains("see setun quantize --help");
        assertThat(ended.err.strip().lines()).hasSize(1);
    }

    @Test
    void messagesOfQuantizeNameWhatWasTyped() throws IOException {
        Path model = model(256);
        assertRefused(quantize(model, "o", "--format", "q2-qip"), "--format q2-qip", "the nearest is q2-quip", "q4_k");
        assertRefused(quantize(model, "o", "--format", "q2-quip"), "q2-quip needs --calibration FILE (setun calibrate makes it)");
        assertRefused(quantize(model, "o", "--format", "q4_0", "--rounding", "gptq"), "--rounding gptq needs --calibration FILE");
        assertRefused(quantize(model, "o", "--format", "pi-q3", "--k", "7"), "must be one of 2, 3, 4, 5, mixed");
        assertRefused(quantize(model, "o", "--format", "q4_0", "--budget", "0.6T"), "--budget 0.6T", "0.6M");
        assertRefused(quantize(model, "o", "--format", "q4_0", "--calibration", model.toString()), "--calibration", "--imatrix");
        Path calibration = Files.write(folder.resolve("c.st"), "\u0002\0\0\0\0\0\0\0{}".getBytes(StandardCharsets.ISO_8859_1));
        assertRefused(quantize(model, "o", "--format", "q4_0", "--imatrix", calibration.toString()), "--imatrix", "--calibration");
        assertThat(QuantizeCommand.bytes("0.6M")).isEqualTo(600_000);
        assertThat(QuantizeCommand.bytes("12345678901")).isEqualTo(12_345_678_901L);
        assertThat(QuantizeCommand.bytes("2K")).isEqualTo(2000);
    }

    private static void assertRefused(Ended ended, String... parts) {
        assertThat(ended.code).as(ended.err).isEqualTo(2);
        assertThat(ended.err).contains(parts).doesNotContain("Exception");
        assertThat(ended.err.strip().lines().filter(line -> !line.startsWith("setun: backend"))).hasSize(1);
    }

    @Test
    void anotherProgramsPartialFileIsAnInputError() throws IOException {
        Path partial = Files.writeString(folder.resolve("z.gguf.partial"), "mine");
        assertRefused(quantize(model(256), "z.gguf", "--format", "q4_0"), partial.toString(), "move it away");
        assertThat(partial).hasContent("mine");
    }

    @Test
    void aFolderThatCannotBeWrittenInIsNamed() {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Callable<Integer> failing = () -> {
            throw new AccessDeniedException("ro", null, "cannot write in ro");
        };
        @Command
        class Line implements Callable<Integer> {
            @Override
            public Integer call() throws Exception {
                return failing.call();
            }
        }
        CommandLine line = new CommandLine(new Line()).setExecutionExceptionHandler(Failures::handle)
                .setErr(new PrintWriter(err, true));
        assertThat(line.execute()).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8).strip()).isEqualTo("setun: cannot write in ro");
    }

    @Test
    void whatIsNoModelIsSaid() throws IOException {
        Path text = Files.writeString(folder.resolve("valid.txt"), "Once upon a time there was a text.");
        assertRefused(quantize(text, "o", "--format", "q4_0"), "valid.txt", "neither GGUF, safetensors nor llama2.c");
        assertRefused(run("generate", text), "valid.txt", "neither GGUF, safetensors nor llama2.c");
        Path packed = Files.write(folder.resolve("m.gguf.xz"), new byte[]{(byte) 0xFD, '7', 'z', 'X', 'Z', 0, 0, 4, 1, 2});
        assertRefused(quantize(packed, "o", "--format", "q4_0"), "m.gguf.xz", "packed", "xz -d");
    }

    @Test
    void aCheckpointWithoutItsTokenizerIsRefused() throws IOException {
        Path checkpoint = TestData.require("models/stories260K/stories260K.bin");
        assertRefused(quantize(checkpoint, "o", "--format", "q4_0"), "no tokenizer", "--tokenizer FILE");
        Path text = Files.writeString(folder.resolve("text.txt"), "Once upon a time");
        assertRefused(run("study", "pi", "--model", checkpoint, "--text", text), "--tokenizer");
        assertRefused(run("generate", model(256), "--tokenizer", TestData.require("models/stories260K/tok512.bin")), "leave it out");
    }

    @Test
    void aFormatThatNoMatrixCanTakeIsRefused() throws IOException {
        assertRefused(quantize(model(64), "o", "--format", "q2_k"), "none of the 1 block matrices can be q2_k", "64", "q4_0");
        assertRefused(quantize(model(64), "o", "--format", "q2_k", "--dry-run"), "none of the 1 block matrices");
        assertThat(folder.resolve("o")).doesNotExist();
        Ended kept = quantize(model(64), "o", "--format", "q2_k", "--keep", "blk.*.ffn_up.weight=q8_0");
        assertThat(kept.code).as(kept.err).isZero();
        assertThat(kept.out).contains("0 of 1 block matrices are q2_k");
    }

    @Test
    void aFileIsDescribedAlikeBeforeAndAfterItIsWritten() throws IOException {
        Path model = model(256);
        Ended planned = quantize(model, "o.gguf", "--format", "q4_k", "--dry-run", "--json");
        Ended made = quantize(model, "o.gguf", "--format", "q4_k", "--json");
        assertThat(made.code).as(made.err).isZero();
        assertThat(names(made.json())).isEqualTo(names(planned.json())).contains("bits_per_weight", "relative_error");
        assertThat(names(made.json().get("tensors").get(0))).isEqualTo(names(planned.json().get("tensors").get(0)))
                .contains("relative_error");
        assertThat(quantize(model, "o2.gguf", "--format", "q4_k").out).contains("1 of 1 block matrices is q4_k; ")
                .contains("bits per weight").contains("relative error of all values together");
        JsonNode measured = run("inspect", folder.resolve("o.gguf"), "--against", model, "--json").json().get("measured");
        assertThat(made.json().get("relative_error").asDouble()).isPositive()
                .isEqualTo(measured.get("all").get("relative_error").asDouble(), within(1e-6));
        assertThat(made.json().get("relative_error_block_matrices").asDouble()).isPositive()
                .isEqualTo(measured.get("matrices").get("relative_error").asDouble(), within(1e-6));
    }

    private static List<String> names(JsonNode node) {
        List<String> names = new ArrayList<>();
        for (Iterator<String> all = node.fieldNames(); all.hasNext();) {
            names.add(all.next());
        }
        return names;
    }

    @Test
    void metadataKeepTheirTypes() throws IOException {
        Path output = folder.resolve("o.gguf");
        quantize(model(256), "o.gguf", "--format", "pi-q2");
        JsonNode metadata = run("inspect", output, "--json").json().get("metadata");
        assertThat(metadata.get("other.block_count").isIntegralNumber()).isTrue();
        assertThat(metadata.get("general.name").asText()).isEqualTo("a name that is longer than a line can show, by far");
        assertThat(metadata.get("numbers").get(0).asDouble()).isEqualTo(0.5);
        assertThat(metadata.get("numbers").get(1).isNull()).isTrue();
        String hash = metadata.get("setun.integrity.input").asText();
        assertThat(hash).hasSize(64);
        String text = run("inspect", output, "--tensors", "--errors").out;
        assertThat(text).contains(hash).contains("\n    format = pi-q2").doesNotContain("\\u000a").doesNotContain("setun.reserved");
        for (JsonNode tensor : metadata.get("setun.integrity.sha256")) {
            assertThat(text).contains("sha256 " + tensor.asText());
        }
    }

    @Test
    void quantizingAgainIsSaid() throws IOException {
        assertThat(quantize(model(256), "q4.gguf", "--format", "q4_k").err).doesNotContain("already");
        Ended again = quantize(folder.resolve("q4.gguf"), "q2.gguf", "--format", "q2_k");
        assertThat(again.code).as(again.err).isZero();
        assertThat(again.err).contains("note: the input is already q4_k: errors are relative to it");
    }

    @Test
    void aPackedTextIsJudgedAsThePlainOne() throws IOException {
        Path model = TestData.require("golden-models/llama-F32.gguf");
        Path text = Files.writeString(folder.resolve("text.txt"), "t1 t2 t3 t4 t5 t6 t7 t8 ".repeat(4));
        Path packed = folder.resolve("text.txt.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
            Files.copy(text, out);
        }
        double plain = run("eval", model, text, "--window", 16, "--json").json().get("perplexity").asDouble();
        assertThat(run("eval", model, packed, "--window", 16, "--json").json().get("perplexity").asDouble()).isEqualTo(plain);
        assertRefused(run("eval", model, text, "--window", 1), "--window 1");
        assertRefused(run("eval", model, text, "--max-tokens", -1), "--max-tokens -1");
        assertRefused(run("generate", model, "-n", 0), "-n 0");
    }
}
