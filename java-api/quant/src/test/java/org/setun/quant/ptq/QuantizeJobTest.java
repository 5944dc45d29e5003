package org.setun.quant.ptq;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class QuantizeJobTest {

    private static final QuantizeProgress SILENT = (step, done, total) -> {
    };

    @TempDir
    private Path folder;
    private final ReferenceBackend backend = new ReferenceBackend();

    @AfterEach
    void close() {
        backend.close();
    }

    private QuantizeReport quantize(Path input, Path output, QuantizeOptions options, int threads) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(input, null, options, backend)) {
            QuantizeReport report = job.run(output, threads, SILENT);
            assertThat(Files.size(output)).isEqualTo(job.plan().bytes()).isEqualTo(report.bytes());
            return report;
        }
    }

    static List<String> formats() {
        return WeightFormats.names();
    }

    /** For every format: what the file decodes to is as far from the input as the report says. */
    @ParameterizedTest
    @MethodSource("formats")
    void theReportedErrorIsThatOfTheFile(String name) throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 1);
        Path output = folder.resolve("out.gguf");
        QuantizeReport report = quantize(input, output, QuantizeOptions.of(WeightFormats.parse(name)), 2);
        assertThat(report.tensors()).hasSize(11);
        try (GgufFile original = GgufFile.open(input); GgufFile stored = GgufFile.open(output)) {
            Integrity integrity = Integrity.verify(stored).orElseThrow();
            SetunGguf tensors = SetunGguf.of(stored);
            assertThat(tensors.architecture()).isEqualTo("llama");
            for (QuantizeReport.Tensor tensor : report.tensors()) {
                float[] x = original.floats(tensor.name());
                float[] y = decode(stored, tensors.find(tensor.name()).orElseThrow());
                double noise = 0;
                double signal = 0;
                for (int i = 0; i < x.length; i++) {
                    noise += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
                    signal += (double) x[i] * x[i];
                }
                assertThat(tensor.relativeError()).as(tensor.name()).isEqualTo((float) Math.sqrt(noise / signal),
                        org.assertj.core.api.Assertions.within(1e-6f));
                assertThat(integrity.tensors().get(tensor.name()).relativeError()).isEqualTo(tensor.relativeError());
                assertThat(tensor.relativeError()).as(name + " of " + tensor.name()).isLessThan(0.9f);
            }
        }
    }

    private static float[] decode(GgufFile file, SetunGguf.Tensor tensor) {
        if (tensor.format().isEmpty()) {
            return file.floats(tensor.name());
        }
        WeightFormat format = tensor.format().get();
        int columns = (int) tensor.shape()[1];
        float[] values = new float[(int) tensor.shape()[0] * columns];
        for (int row = 0; row < tensor.shape()[0]; row++) {
            format.decode(file.tensor(tensor.name()), row * format.rowBytes(columns), columns, values, row * columns);
        }
        return values;
    }

    @Test
    void metadataAreCarriedOverByteForByte() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 1);
        Path output = folder.resolve("out.gguf");
        quantize(input, output, QuantizeOptions.of(WeightFormats.parse("f16")), 1);
        try (GgufFile before = GgufFile.open(input); GgufFile after = GgufFile.open(output)) {
            for (String key : before.metadata().keys()) {
                if (!key.equals("general.file_type")) {
                    assertThat(after.metadata().value(key)).as(key).usingRecursiveComparison().isEqualTo(before.metadata().value(key));
                }
            }
            assertThat(after.metadata().integer("general.file_type")).isEqualTo(1);
            assertThat(after.metadata().architecture()).isEqualTo("llama");
            assertThat(after.info("blk.0.ffn_up.weight").type()).isEqualTo(GgmlType.F16);
            assertThat(after.info("blk.0.ffn_norm.weight").type()).isEqualTo(GgmlType.F32);
            assertThat(after.tensor("blk.0.ffn_norm.weight").mismatch(before.tensor("blk.0.ffn_norm.weight"))).isEqualTo(-1);
            assertThat(new String(Files.readAllBytes(output), java.nio.charset.StandardCharsets.ISO_8859_1)).doesNotContain("setun.tensor");
        }
    }

    @Test
    void theNumberOfThreadsChangesNoBit() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 3);
        for (String name : List.of("bf16", "q4_0", "pi-tan2")) {
            QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse(name));
            quantize(input, folder.resolve("one.gguf"), options, 1);
            quantize(input, folder.resolve("three.gguf"), options, 3);
            assertThat(Files.mismatch(folder.resolve("one.gguf"), folder.resolve("three.gguf"))).as(name).isEqualTo(-1);
        }
    }

    @Test
    void whatTheInputHasInTheTypeIsTakenOver() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 3);
        quantize(input, folder.resolve("half.gguf"), QuantizeOptions.of(WeightFormats.parse("f16")), 1);
        QuantizeReport again = quantize(folder.resolve("half.gguf"), folder.resolve("again.gguf"),
                QuantizeOptions.of(WeightFormats.parse("f16")), 1);
        assertThat(again.tensors()).allSatisfy(tensor -> {
            assertThat(tensor.relativeError()).isZero();
            assertThat(tensor.rounding()).isEqualTo("copied");
        });
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void aWeightThatIsNotFiniteIsNamedAndTheOldFileStays(float value) throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 2, 1, "blk.1.ffn_down.weight", 5 * Models.FFN + 7, value);
        Path output = Files.writeString(folder.resolve("out.gguf"), "old");
        assertThatThrownBy(() -> quantize(input, output, QuantizeOptions.of(WeightFormats.parse("bf16")), 2))
                .isInstanceOf(FormatException.class).hasMessageContaining("blk.1.ffn_down.weight").hasMessageContaining("row 5, column 7")
                .hasMessageContaining("value " + (5 * Models.FFN + 7)).hasMessageContaining(String.valueOf(value));
        assertThat(output).hasContent("old");
    }

    @Test
    void theInputIsNeverOverwritten() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 1);
        byte[] before = Files.readAllBytes(input);
        Path link = Files.createSymbolicLink(folder.resolve("link.gguf"), input);
        Path hard = Files.createLink(folder.resolve("hard.gguf"), input);
        Path partial = Files.createLink(folder.resolve("other.gguf.partial"), input);
        for (Path output : List.of(input, link, hard, folder.resolve("other.gguf"), folder)) {
            assertThatThrownBy(() -> quantize(input, output, QuantizeOptions.of(WeightFormats.parse("f16")), 1)).as(output.toString())
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("output");
        }
        assertThat(Files.readAllBytes(input)).isEqualTo(before);
        assertThat(Files.readAllBytes(partial)).isEqualTo(before);
    }

    @Test
    void twoRunsDoNotWriteOneFile() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 1);
        try (QuantizeJob job = QuantizeJob.open(input, null, QuantizeOptions.of(WeightFormats.parse("f16")), backend)) {
            AtomicLong refused = new AtomicLong();
            job.run(folder.resolve("out.gguf"), 1, (step, done, total) -> {
                if (!step.startsWith("hash") && refused.get() == 0) {
                    refused.incrementAndGet();
                    assertThatThrownBy(() -> quantize(input, folder.resolve("out.gguf"), QuantizeOptions.of(WeightFormats.parse("f16")), 1))
                            .isInstanceOf(IllegalStateException.class).hasMessageContaining("writing this file");
                }
            });
            assertThat(refused.get()).isOne();
        }
        try (GgufFile file = GgufFile.open(folder.resolve("out.gguf"))) {
            assertThat(Integrity.verify(file)).isPresent();
        }
    }

    @Test
    void killedAnywhereTheNextRunEndsWithTheSameBytes() throws Exception {
        Path input = Models.write(folder.resolve("model.gguf"), 12, 8);
        Path whole = folder.resolve("whole.gguf");
        quantize(input, whole, QuantizeOptions.of(WeightFormats.parse("bf16")), 1);
        Path output = Files.writeString(folder.resolve("out.gguf"), "old");
        SplittableRandom random = new SplittableRandom(5);
        int kills = 0;
        int mostResumed = 0;
        for (int attempt = 0; attempt < 40 && !isModel(output); attempt++) {
            int lines = attempt < 6 ? random.nextInt(8, 26) : Integer.MAX_VALUE;
            List<String> said = fork(List.of(), lines, input.toString(), output.toString(), "bf16", "2");
            if (said.getLast().startsWith("resumed ")) {
                mostResumed = Integer.parseInt(said.getLast().substring(8));
            } else {
                kills++;
                assertThat(output).hasContent("old");
            }
        }
        assertThat(kills).isGreaterThanOrEqualTo(3);
        assertThat(mostResumed).isPositive();
        assertThat(Files.mismatch(whole, output)).isEqualTo(-1);
        try (var files = Files.list(folder)) {
            assertThat(files.map(path -> path.getFileName().toString())).doesNotContain("out.gguf.partial", "out.gguf.partial.journal");
        }
    }

    private static boolean isModel(Path file) throws IOException {
        return Files.size(file) > 3;
    }

    @Test
    void whatIsDamagedBetweenTwoRunsIsWrittenAgain() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 3, 8);
        Path whole = folder.resolve("whole.gguf");
        QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse("f16"));
        quantize(input, whole, options, 1);
        Path output = folder.resolve("out.gguf");
        interrupt(input, output, options);
        Path partial = folder.resolve("out.gguf.partial");
        byte[] bytes = Files.readAllBytes(partial);
        bytes[bytes.length / 2] ^= 1;
        Files.write(partial, bytes);
        Path journal = folder.resolve("out.gguf.partial.journal");
        byte[] lines = Files.readAllBytes(journal);
        Files.write(journal, Arrays.copyOf(lines, lines.length - 5));
        QuantizeReport report = quantize(input, output, options, 2);
        assertThat(report.resumed()).isPositive();
        assertThat(Files.mismatch(whole, output)).isEqualTo(-1);
    }

    @Test
    void theRestOfAnotherJobIsThrownAway() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 3, 8);
        Path output = folder.resolve("out.gguf");
        interrupt(input, output, QuantizeOptions.of(WeightFormats.parse("f32")));
        QuantizeReport report = quantize(input, output, QuantizeOptions.of(WeightFormats.parse("f16")), 1);
        assertThat(report.resumed()).isZero();
        Path fresh = folder.resolve("fresh.gguf");
        quantize(input, fresh, QuantizeOptions.of(WeightFormats.parse("f16")), 1);
        assertThat(Files.mismatch(fresh, output)).isEqualTo(-1);
    }

    /** Encoders change: what an older one has left must not be mixed with what a newer one makes. */
    @Test
    void theRestOfAnOlderEncoderIsThrownAway() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 3, 8);
        Path output = folder.resolve("out.gguf");
        interrupt(input, output, QuantizeOptions.of(WeightFormats.parse("f16")));
        Path journal = folder.resolve("out.gguf.partial.journal");
        assertThat(Files.readString(journal)).startsWith("setun quantize 3 ");
        edit(journal, "setun quantize 3 ", "setun quantize 1 ");
        assertThat(quantize(input, output, QuantizeOptions.of(WeightFormats.parse("f16")), 1).resumed()).isZero();
    }

    /** Stops a job in the middle. */
    private void interrupt(Path input, Path output, QuantizeOptions options) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(input, null, options, backend)) {
            assertThatThrownBy(() -> job.run(output, 1, (step, done, total) -> {
                if (done > total / 2 && !step.startsWith("hash")) {
                    throw new IllegalStateException("stop");
                }
            })).hasMessage("stop");
        }
        assertThat(output).doesNotExist();
    }

    @Test
    void aModelLargerThanTheHeapPasses() throws Exception {
        Path input = folder.resolve("large.gguf");
        int rows = 1536;
        int columns = 4096;
        MemorySegment one = MemorySegment.ofArray(new float[rows * columns]);
        GgufWriter writer = new GgufWriter("llama");
        for (int i = 0; i < 4; i++) {
            writer.tensor("blk." + i + ".ffn_up.weight", GgmlType.F32, new long[]{rows, columns}, one);
        }
        writer.write(input);
        assertThat(Files.size(input)).isGreaterThan(96_000_000);
        List<String> said = fork(List.of("-Xmx24m", "-XX:MaxDirectMemorySize=16m"), Integer.MAX_VALUE, input.toString(),
                folder.resolve("small.gguf").toString(), "f16", "2");
        assertThat(said.getLast()).isEqualTo("resumed 0");
        assertThat(Files.size(folder.resolve("small.gguf"))).isGreaterThan(48_000_000);
    }

    /** Runs {@link QuantizeMain}, kills it after so many lines, returns what it said. */
    private static List<String> fork(List<String> flags, int lines, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(flags);
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), QuantizeMain.class.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        List<String> said = new ArrayList<>(List.of(""));
        try (BufferedReader reader = process.inputReader()) {
            for (String line; said.size() <= lines && (line = reader.readLine()) != null;) {
                said.add(line);
            }
            if (said.size() > lines) {
                process.toHandle().destroyForcibly();
            }
        }
        process.waitFor();
        return said;
    }

    @Test
    void everyChangedTensorIsNamed() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 1);
        Path output = folder.resolve("out.gguf");
        quantize(input, output, QuantizeOptions.of(WeightFormats.parse("f16")), 1);
        byte[] good = Files.readAllBytes(output);
        List<GgufTensor> tensors;
        try (GgufFile file = GgufFile.open(output)) {
            tensors = List.copyOf(file.tensors());
            assertThat(Integrity.verify(file).orElseThrow().input()).isEqualTo(Sha256.of(List.of(input), _ -> {
            }));
        }
        for (GgufTensor tensor : tensors) {
            byte[] bad = good.clone();
            bad[(int) (tensor.offset() + tensor.bytes() - 1)] ^= 0x40;
            assertThatThrownBy(() -> Integrity.verify(GgufFile.of(MemorySegment.ofArray(bad), "bad.gguf")))
                    .isInstanceOf(FormatException.class).hasMessageContaining("'" + tensor.name() + "'").hasMessageContaining("SHA-256");
        }
        int config = indexOf(good, "format = f16");
        byte[] bad = good.clone();
        bad[config + 9] = 'F';
        assertThatThrownBy(() -> Integrity.verify(GgufFile.of(MemorySegment.ofArray(bad), "bad.gguf"))).isInstanceOf(FormatException.class)
                .hasMessageContaining("setun.quantize.config");
    }

    /** Sizes and seeds count as much as weights: any byte of the head that changes is noticed, whatever it means. */
    @Test
    void aChangedHeadIsNoticed() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 1, 1);
        Path output = folder.resolve("out.gguf");
        quantize(input, output, QuantizeOptions.of(WeightFormats.parse("pi-q2")).withIncoherence(Incoherence.Method.HADAMARD, 77), 1);
        byte[] good = Files.readAllBytes(output);
        for (String key : List.of("llama.attention.head_count", "general.name", "setun.incoherence.seeds", "test.long")) {
            byte[] bad = good.clone();
            int value = indexOf(good, key) + key.length() + 4;
            bad[value + (key.equals("general.name") ? 8 : key.endsWith("seeds") ? 12 : 0)] ^= 6;
            assertThatThrownBy(() -> Integrity.verify(GgufFile.of(MemorySegment.ofArray(bad), "bad.gguf"))).as(key)
                    .isInstanceOf(FormatException.class).hasMessageContaining("setun.integrity.head").hasMessageContaining("quantize");
        }
        byte[] other = good.clone();
        other[indexOf(good, Integrity.HEAD) + Integrity.HEAD.length() + 4 + 8] ^= 1;
        assertThatThrownBy(() -> Integrity.verify(GgufFile.of(MemorySegment.ofArray(other), "bad.gguf")))
                .isInstanceOf(FormatException.class).hasMessageContaining(Integrity.HEAD);
        assertThat(Integrity.verify(GgufFile.of(MemorySegment.ofArray(good), "good.gguf"))).isPresent();
    }

    @Test
    void aPartOfAModelIsRefused() throws IOException {
        Path split = folder.resolve("split.gguf");
        new GgufWriter("llama").uint32("split.count", 2).uint32("split.no", 0).uint32("llama.block_count", 0)
                .tensor("token_embd.weight", GgmlType.F32, new long[]{1, 4}, MemorySegment.ofArray(new float[4])).write(split);
        assertRefused(split, "split.count", "one of 2 parts", "--merge");
        Path missing = Models.write(folder.resolve("missing.gguf"), 3, 1);
        edit(missing, "blk.1.ffn_up.weight", "blk.1.ffn_xy.weight");
        assertRefused(missing, "'blk.1.ffn_up.weight'", "is missing", "whole model");
        Path norm = Models.write(folder.resolve("norm.gguf"), 1, 1);
        edit(norm, "output_norm.weight", "output_norn.weight");
        assertRefused(norm, "'output_norm.weight'", "is missing");
        for (int layers : List.of(1, 3, -1)) {
            Path other = folder.resolve("other.gguf");
            new GgufWriter("exotic").int32("exotic.block_count", layers)
                    .tensor("blk.0.x.weight", GgmlType.F32, new long[]{1, 4}, MemorySegment.ofArray(new float[4]))
                    .tensor("blk.1.x.weight", GgmlType.F32, new long[]{1, 4}, MemorySegment.ofArray(new float[4])).write(other);
            assertRefused(other, "exotic.block_count = " + layers, layers == 3 ? "block 2" : "is of block");
        }
    }

    private void assertRefused(Path input, String... parts) {
        assertThatThrownBy(() -> quantize(input, folder.resolve("out.gguf"), QuantizeOptions.of(WeightFormats.parse("f16")), 1))
                .isInstanceOf(FormatException.class).hasMessageContainingAll(parts);
        assertThat(folder.resolve("out.gguf")).doesNotExist();
    }

    /** Puts a text of the same length in the place of another. */
    private static void edit(Path file, String from, String to) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        System.arraycopy(to.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1), 0, bytes, indexOf(bytes, from), from.length());
        Files.write(file, bytes);
    }

    /** Types that nothing here can make are copied, in one run and in two. */
    @Test
    void expertsInTypesWithoutAnEncoderStayAsTheyAre() throws IOException {
        Path input = folder.resolve("experts.gguf");
        byte[] blocks = new byte[2 * 3 * 18];
        new Random(3).nextBytes(blocks);
        for (int i = 0; i < blocks.length; i += 18) {
            blocks[i + 1] = 0x2c; // a scale that is finite
        }
        float[] matrix = new float[32 * 256];
        Arrays.fill(matrix, 0.5f);
        new GgufWriter("exotic").tensor("blk.0.ffn_up_exps.weight", GgmlType.IQ4_NL, new long[]{2, 3, 32}, MemorySegment.ofArray(blocks))
                .tensor("blk.0.ffn_up.weight", GgmlType.F32, new long[]{32, 256}, MemorySegment.ofArray(matrix)).write(input);
        Path output = folder.resolve("out.gguf");
        QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse("q8_0"));
        interrupt(input, output, options);
        QuantizeReport report = quantize(input, output, options, 1);
        assertThat(report.resumed()).isOne();
        assertThat(report.tensors().getFirst().relativeError()).isZero();
        try (GgufFile file = GgufFile.open(output)) {
            assertThat(file.info("blk.0.ffn_up_exps.weight").type()).isEqualTo(GgmlType.IQ4_NL);
            assertThat(file.info("blk.0.ffn_up_exps.weight").shape()).containsExactly(2, 3, 32);
            assertThat(file.tensor("blk.0.ffn_up_exps.weight").mismatch(MemorySegment.ofArray(blocks))).isEqualTo(-1);
            assertThat(Integrity.verify(file)).isPresent();
        }
    }

    @Test
    void aBudgetIsKeptAndUsed() throws IOException {
        Path input = Models.write(folder.resolve("model.gguf"), 2, 1);
        QuantizeOptions most = QuantizeOptions.of(WeightFormats.parse("q6_k"));
        long largest = quantize(input, folder.resolve("large.gguf"), most, 1).bytes();
        long smallest = quantize(input, folder.resolve("small.gguf"), QuantizeOptions.of(WeightFormats.parse("q2_k")), 1).bytes();
        long budget = (largest + smallest) / 2;
        QuantizeReport report = quantize(input, folder.resolve("mixed.gguf"), most.withBudget(budget), 2);
        assertThat(report.bytes()).isLessThanOrEqualTo(budget).isGreaterThan(budget - (largest - smallest) / 8);
        assertThat(report.tensors().stream().filter(tensor -> tensor.name().contains("blk")).map(QuantizeReport.Tensor::format).distinct()
                .count())
                .isGreaterThan(1);
        assertThatThrownBy(() -> quantize(input, folder.resolve("none.gguf"), most.withBudget(smallest / 2), 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("budget");
    }

    private static int indexOf(byte[] bytes, String text) {
        return new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf(text);
    }
}
