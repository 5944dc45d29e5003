package org.setun.quant.calibration;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.opentest4j.TestAbortedException;
import org.setun.formats.FormatException;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.testsupport.TestData;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Samples from data sets as they are published, and the draw among them. */
class CalibrationDataTest {

    @TempDir
    Path folder;

    private Path write(String name, String content) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        try (OutputStream raw = Files.newOutputStream(file);
                OutputStream out = name.endsWith(".gz")
                        ? new GZIPOutputStream(raw)
                        : name.endsWith(".xz") ? new XZOutputStream(raw, new LZMA2Options(1)) : raw) {
            out.write(content.getBytes(StandardCharsets.UTF_8));
        }
        return file;
    }

    private static List<String> read(Path file) throws IOException {
        List<String> samples = new ArrayList<>();
        SampleReader.read(file, samples::add);
        return samples;
    }

    private String lines(int count) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < count; i++) {
            text.append("{\"question\": \"what is ").append(i).append("?\", \"answer\": \"").append(i).append("\"}\n");
        }
        return text.toString();
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '`', value = {
            "{\"question\": \"q\", \"answer\": \"a\"}; q|a",
            "{\"task_id\": \"x\", \"prompt\": \"def f():\\n\", \"canonical_solution\": \"  pass\"}; def f():|  pass",
            "{\"text\": \"Add.\", \"code\": \"x\\r\\ny\", \"test_list\": [\"assert 1\", \"assert 2\"]}; Add.|assert 1|assert 2||x|y|",
            "{\"input\": \"i\", \"target\": \"t\"}; i|t",
            "{\"text\": \"just this\"}; just this",
            "{\"id\": \"7\", \"question\": [[{\"role\": \"user\", \"content\": \"hi\"}]], \"function\": [{\"name\": \"f\"}]};"
                    + " {\"name\":\"f\"}|user: hi|"})
    void recordsOfKnownDataSetsBecomeText(String record, String text) throws IOException {
        String expected = text.replace('|', '\n');
        for (String end : List.of("", ".gz", ".xz")) {
            assertThat(read(write("a.jsonl" + end, record + "\n" + record))).containsExactly(expected, expected);
            assertThat(read(write("b.json" + end, "[" + record + "," + record + "]"))).containsExactly(expected, expected);
            assertThat(read(write("c.json" + end, "{\"canary\": \"x\", \"examples\": [" + record + "]}"))).containsExactly(expected);
        }
    }

    /** Data sets are larger than memory: a record is handed out before the next one is read, in an array and among examples too. */
    @ParameterizedTest
    @ValueSource(strings = {"[", "{\"canary\": \"x\", \"examples\": ["})
    void recordsStreamThrough(String head) {
        byte[] start = head.getBytes(StandardCharsets.UTF_8);
        byte[] record = "{\"text\": \"some words\"},".getBytes(StandardCharsets.UTF_8);
        AtomicLong at = new AtomicLong();
        InputStream endless = new InputStream() {
            @Override
            public int read() {
                long i = at.getAndIncrement();
                assertThat(i).as("bytes read before the thousandth record is handed out").isLessThan(1 << 17);
                return i < start.length ? start[(int) i] : record[(int) ((i - start.length) % record.length)];
            }

            @Override
            public int read(byte[] into, int from, int count) {
                into[from] = (byte) read();
                return 1;
            }
        };
        List<String> seen = new ArrayList<>();
        assertThatThrownBy(() -> SampleReader.readJson(Path.of("endless.json"), endless, Map.of(), text -> {
            seen.add(text);
            if (seen.size() == 1000) {
                throw new IllegalStateException("enough");
            }
        })).hasMessage("enough");
        assertThat(seen).containsOnly("some words");
    }

    @Test
    void answersStandBesideTheQuestions() throws IOException {
        Path file = write("calls.json.xz",
                "{\"id\": \"7\", \"question\": [[{\"role\": \"user\", \"content\": \"hi\"}]], \"function\": []}");
        write("possible_answer/calls.json.gz", "{\"id\": \"7\", \"ground_truth\": [{\"f\": {\"x\": [1]}}]}");
        assertThat(read(file)).containsExactly("user: hi\n[{\"f\":{\"x\":[1]}}]");
        assertThat(SampleReader.answers(file)).isEqualTo(Optional.of(folder.resolve("possible_answer/calls.json.gz").toAbsolutePath()));
    }

    @Test
    void plainTextIsCutAtLines() throws IOException {
        String text = "a line of some words \u00e4\ud83d\ude42\n".repeat(1000) + "x".repeat(30_000);
        List<String> pieces = read(write("text.txt.gz", text));
        assertThat(String.join("", pieces)).isEqualTo(text);
        assertThat(pieces.getFirst()).endsWith("\n").hasSizeBetween(2048, 2100);
        assertThat(pieces).allSatisfy(piece -> assertThat(piece.length()).isLessThanOrEqualTo(8193));
    }

    @Test
    void whatIsNotKnownIsRefusedByPlace() throws IOException {
        Path unknown = write("a.jsonl", lines(2) + "{\"foo\": 1}");
        assertThatThrownBy(() -> read(unknown)).isInstanceOf(FormatException.class).hasMessageContaining("a.jsonl")
                .hasMessageContaining("record 3");
        Path damaged = write("b.jsonl", lines(1) + "{\"question\": ");
        assertThatThrownBy(() -> read(damaged)).isInstanceOf(FormatException.class).hasMessageContaining("record 2");
        Path deep = write("c.json", "[".repeat(5000));
        assertThatThrownBy(() -> read(deep)).isInstanceOf(FormatException.class);
        Path notPacked = write("d.txt", "hello");
        Path pretends = folder.resolve("d.txt.xz");
        Files.copy(notPacked, pretends);
        assertThatThrownBy(() -> read(pretends)).isInstanceOf(IOException.class).hasMessageContaining("d.txt.xz");
    }

    private static CalibrationConfig config(Map<CalibrationDomain, Integer> samples, long seed) {
        return new CalibrationConfig(samples, 64, seed, FisherLabels.NONE, false, 1);
    }

    private static Tokenizer tokenizer() throws IOException {
        return Llama2cTokenizer.open(TestData.require("models/stories260K/tok512.bin"));
    }

    @Test
    void countsAreRespectedAndTheSeedDecides() throws IOException {
        Map<CalibrationDomain, List<Path>> files = Map.of(CalibrationDomain.MATH, List.of(write("m.jsonl", lines(500))),
                CalibrationDomain.LANGUAGE, List.of(write("t.txt", "some words\n".repeat(3000))));
        Map<CalibrationDomain, Integer> counts = Map.of(CalibrationDomain.MATH, 100, CalibrationDomain.LANGUAGE, 7);
        Tokenizer tokenizer = tokenizer();
        CalibrationData first = CalibrationData.read(files, config(counts, 1), tokenizer);
        CalibrationData again = CalibrationData.read(files, config(counts, 1), tokenizer);
        CalibrationData other = CalibrationData.read(files, config(counts, 2), tokenizer);
        assertThat(first.sequences()).hasSize(107);
        assertThat(first.sequences()).allSatisfy(ids -> assertThat(ids.length).isBetween(2, 64));
        assertThat(first.sequences().getFirst()[0]).isEqualTo(tokenizer.bos());
        assertThat(first.domains().stream().map(Provenance.Domain::samples)).containsExactly(100, 7);
        assertThat(first.domains().getFirst().available()).isEqualTo(500);
        assertThat(first.domains().stream().mapToLong(Provenance.Domain::tokens).sum())
                .isEqualTo(first.sequences().stream().mapToLong(ids -> ids.length).sum());
        assertThat(first.sources().getFirst()).isEqualTo(new Provenance.Source("math", "m.jsonl",
                HexFormat.of().formatHex(digest(folder.resolve("m.jsonl")))));
        assertThat(text(first)).isEqualTo(text(again)).isNotEqualTo(text(other));
        assertThat(new HashSet<>(text(first).subList(0, 100))).hasSize(100); // without replacement
    }

    private static List<String> text(CalibrationData data) {
        return data.sequences().stream().map(Arrays::toString).toList();
    }

    private static byte[] digest(Path file) throws IOException {
        try {
            return MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** Each of ten lines is drawn about as often as any other. */
    @Test
    void everySampleIsAsProbable() {
        int[] drawn = new int[10];
        for (int seed = 0; seed < 4000; seed++) {
            Reservoir reservoir = new Reservoir(3, seed);
            for (int i = 0; i < 10; i++) {
                reservoir.offer(String.valueOf(i));
            }
            assertThat(reservoir.texts()).hasSize(3).isSorted();
            reservoir.texts().forEach(text -> drawn[Integer.parseInt(text)]++);
        }
        for (int count : drawn) {
            assertThat(count).isBetween(1080, 1320); // 1200, 4 standard deviations of 29
        }
    }

    @Test
    void tooFewSamplesAndMissingFilesAreSaid() throws IOException {
        Path file = write("m.jsonl", lines(5));
        Tokenizer tokenizer = tokenizer();
        assertThatThrownBy(() -> CalibrationData.read(Map.of(CalibrationDomain.MATH, List.of(file)),
                config(Map.of(CalibrationDomain.MATH, 6), 0), tokenizer)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("math").hasMessageContaining("5 samples");
        assertThatThrownBy(() -> CalibrationData.read(Map.of(), config(Map.of(CalibrationDomain.CODE, 1), 0), tokenizer))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("code");
        assertThatThrownBy(() -> CalibrationData.find(folder)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("math").hasMessageContaining("gsm8k");
    }

    @Test
    void aFolderMayNameItsFilesByDomain() throws IOException {
        write("math.jsonl.gz", lines(1));
        write("code.txt", "x");
        write("language.txt.xz", "x");
        write("reasoning/b.json", "[]");
        write("tool-use/a.jsonl", "");
        assertThat(CalibrationData.find(folder)).isEqualTo(Map.of(CalibrationDomain.MATH, List.of(folder.resolve("math.jsonl.gz")),
                CalibrationDomain.CODE, List.of(folder.resolve("code.txt")), CalibrationDomain.LANGUAGE,
                List.of(folder.resolve("language.txt.xz")), CalibrationDomain.REASONING, List.of(folder.resolve("reasoning")),
                CalibrationDomain.TOOL_USE, List.of(folder.resolve("tool-use"))));
    }

    /** The published data sets have enough for the default counts. */
    @Test
    void theFiveDomainsOfPublishedDataSets() throws IOException {
        String root = System.getProperty("setun.testdata", "");
        if (root.isBlank() || Files.notExists(Path.of(root, "eval", "gsm8k"))) {
            throw new TestAbortedException("-Dsetun.testdata has no eval/gsm8k");
        }
        Map<CalibrationDomain, List<Path>> files = CalibrationData.find(Path.of(root));
        CalibrationConfig few = CalibrationConfig.defaults().withSamples(160, CalibrationConfig.defaults().samples().keySet());
        CalibrationData data = CalibrationData.read(files, config(few.samples(), 0), tokenizer());
        assertThat(data.sequences()).hasSize(160);
        for (Provenance.Domain domain : data.domains()) {
            assertThat(domain.available()).isGreaterThanOrEqualTo(CalibrationDomain.of(domain.domain()).defaultSamples());
        }
        assertThat(data.domains().stream().map(Provenance.Domain::available).limit(2)).containsExactly(7473L, 974L + 164);
        assertThat(data.domains().getLast().available()).isEqualTo(1408);
        Set<String> names = new HashSet<>(data.sources().stream().map(Provenance.Source::file).toList());
        assertThat(names).contains("train.jsonl.xz", "mbpp.jsonl.xz", "HumanEval.jsonl.gz", "train.txt.xz", "web_of_lies.json.xz",
                "BFCL_v4_simple_java.json.xz").doesNotContain("test_odd.jsonl.xz");
    }
}
