package org.setun.quant.calibration;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.tukaani.xz.XZInputStream;

/**
 * Reads samples of text from data sets as they are published: JSON lines, JSON arrays or objects with an array {@code examples}, and plain
 * text; also packed as {@code .gz} or {@code .xz}. Files stream through, one record in memory at a time; only answers that lie in a file of
 * their own are held.
 *
 * <p>A record becomes the text of its question and its answer: the fields of GSM8K ({@code question}, {@code answer}), HumanEval
 * ({@code prompt}, {@code canonical_solution}), MBPP ({@code text}, {@code code}, {@code test_list}), BIG-Bench Hard ({@code input},
 * {@code target}), the Berkeley Function Calling Leaderboard ({@code question}, {@code function}, and the answer from the file of the same name
 * in the folder {@code possible_answer} beside it, if there is one), or just {@code text}. Plain text is cut at the end of the line after
 * {@value #LEAST_PIECE} characters, or after {@value #MOST_PIECE}.
 */
public final class SampleReader {

    private static final int LEAST_PIECE = 2048;
    private static final int MOST_PIECE = 8192;
    private static final String ANSWERS = "possible_answer";
    private static final List<String> PACKED = List.of(".xz", ".gz");
    /** What a packed file may need to be unpacked: the most that any preset of xz asks for. */
    private static final int XZ_MEMORY_KIB = 1 << 17;
    private static final int MOST_TEXT = 1 << 22;
    private static final int MOST_DEPTH = 64;
    private static final JsonMapper JSON = new JsonMapper(JsonFactory.builder().streamReadConstraints(StreamReadConstraints.builder()
            .maxStringLength(MOST_TEXT).maxNestingDepth(MOST_DEPTH).build()).build());

    private SampleReader() {
    }

    /**
     * Hands out the samples of a file in its order.
     *
     * @throws FormatException if a record has none of the known fields, or is no JSON
     * @throws IOException if the file cannot be read or unpacked
     */
    public static void read(Path file, Consumer<String> samples) throws IOException {
        String name = plainName(file);
        try (InputStream in = open(file)) {
            if (name.endsWith(".json") || name.endsWith(".jsonl")) {
                Optional<Path> answers = answers(file);
                readJson(file, in, answers.isPresent() ? readAnswers(answers.get()) : Map.of(), samples);
            } else {
                readText(new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8)), samples);
            }
        }
    }

    /**
     * All of a text, plain or packed as {@code .xz} or {@code .gz}.
     *
     * @throws java.nio.charset.CharacterCodingException if it is not UTF-8
     * @throws IOException if the file cannot be read or unpacked
     */
    public static String text(Path file) throws IOException {
        try (InputStream in = open(file)) {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in.readAllBytes())).toString();
        }
    }

    /** The file with the answers to {@code file}'s questions, if there is one. */
    public static Optional<Path> answers(Path file) {
        Path folder = file.toAbsolutePath().resolveSibling(ANSWERS);
        String name = String.valueOf(file.getFileName());
        String plain = PACKED.stream().filter(name::endsWith).findFirst().map(end -> name.substring(0, name.length() - end.length()))
                .orElse(name);
        return List.of("", ".xz", ".gz").stream().map(end -> folder.resolve(plain + end)).filter(Files::isRegularFile).findFirst();
    }

    private static String plainName(Path file) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        return PACKED.stream().filter(name::endsWith).findFirst().map(end -> name.substring(0, name.length() - end.length())).orElse(name);
    }

    private static InputStream open(Path file) throws IOException {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        try {
            if (name.endsWith(".xz")) {
                return new XZInputStream(in, XZ_MEMORY_KIB);
            }
            return name.endsWith(".gz") ? new GZIPInputStream(in, 1 << 16) : in;
        } catch (IOException e) {
            in.close();
            throw new IOException(file + ": cannot be unpacked: " + e.getMessage(), e);
        }
    }

    private static void readText(Reader in, Consumer<String> samples) throws IOException {
        StringBuilder piece = new StringBuilder();
        for (int c = in.read(); c >= 0; c = in.read()) {
            piece.append((char) c);
            boolean whole = c == '\n' && piece.length() >= LEAST_PIECE;
            if (whole || piece.length() >= MOST_PIECE && !Character.isHighSurrogate((char) c)) {
                give(piece.toString(), samples);
                piece.setLength(0);
            }
        }
        give(piece.toString(), samples);
    }

    static void readJson(Path file, InputStream in, Map<String, String> answers, Consumer<String> samples) throws IOException {
        eachRecord(file, in, (record, number) -> {
            String text = text(record, answers);
            if (text == null) {
                throw new FormatException(file.toString(), FormatException.NO_OFFSET, "record " + number,
                        "has none of the known sets of fields", "known are question and answer; prompt and canonical_solution; text and"
                                + " code; input and target; question and function; text");
            }
            give(text, samples);
        });
    }

    private static Map<String, String> readAnswers(Path file) throws IOException {
        Map<String, String> answers = new HashMap<>();
        try (InputStream in = open(file)) {
            eachRecord(file, in, (record, number) -> answers.put(record.path("id").asText(), record.path("ground_truth").toString()));
        }
        return answers;
    }

    @FunctionalInterface
    private interface RecordSink {
        void accept(JsonNode record, long number);
    }

    /** The records of a file, one at a time: its root values, or what is in them if they are arrays or have an array of examples. */
    private static void eachRecord(Path file, InputStream in, RecordSink sink) throws IOException {
        AtomicLong number = new AtomicLong();
        Consumer<JsonNode> numbered = record -> sink.accept(record, number.incrementAndGet());
        Reader utf8 = new InputStreamReader(in, StandardCharsets.UTF_8); // a parser of bytes would guess UTF-16 and UTF-32, too
        try (JsonParser parser = JSON.createParser(utf8)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                switch (token) {
                    case START_ARRAY -> eachElement(parser, numbered);
                    case START_OBJECT -> object(parser, numbered);
                    default -> numbered.accept(JSON.readTree(parser));
                }
            }
        } catch (JacksonException e) {
            throw new FormatException(file.toString(), FormatException.NO_OFFSET, "record " + (number.get() + 1),
                    "is not valid JSON: " + e.getOriginalMessage(), "", e);
        }
    }

    private static void eachElement(JsonParser parser, Consumer<JsonNode> sink) throws IOException {
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            sink.accept(JSON.readTree(parser));
        }
    }

    /** An object is a record, unless it has an array of examples, which are records then. */
    private static void object(JsonParser parser, Consumer<JsonNode> sink) throws IOException {
        ObjectNode record = JSON.createObjectNode();
        boolean examples = false;
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String field = parser.currentName();
            if (parser.nextToken() == JsonToken.START_ARRAY && field.equals("examples")) {
                examples = true;
                eachElement(parser, sink);
            } else {
                record.set(field, JSON.readTree(parser));
            }
        }
        if (!examples) {
            sink.accept(record);
        }
    }

    private static @Nullable String text(JsonNode record, Map<String, String> answers) {
        if (record.path("question").isTextual() && record.path("answer").isTextual()) {
            return record.get("question").asText() + "\n" + record.get("answer").asText();
        }
        if (record.path("prompt").isTextual() && record.path("canonical_solution").isTextual()) {
            return record.get("prompt").asText() + record.get("canonical_solution").asText();
        }
        if (record.path("text").isTextual() && record.path("code").isTextual()) {
            return mbpp(record);
        }
        if (record.path("input").isTextual() && record.path("target").isTextual()) {
            return record.get("input").asText() + "\n" + record.get("target").asText();
        }
        if (record.path("question").isArray()) {
            return functionCall(record, answers);
        }
        return record.path("text").isTextual() ? record.get("text").asText() : null;
    }

    private static String mbpp(JsonNode record) {
        StringBuilder text = new StringBuilder(record.get("text").asText()).append('\n');
        record.path("test_list").forEach(test -> text.append(test.asText()).append('\n'));
        return text.append('\n').append(record.get("code").asText().replace("\r\n", "\n")).append('\n').toString();
    }

    /** The functions on offer, the turns of the conversation, the calls. */
    private static String functionCall(JsonNode record, Map<String, String> answers) {
        StringBuilder text = new StringBuilder();
        record.path("function").forEach(function -> text.append(function).append('\n'));
        for (JsonNode turn : record.get("question")) {
            for (JsonNode message : turn.isArray() ? turn : List.of(turn)) {
                text.append(message.path("role").asText()).append(": ").append(message.path("content").asText()).append('\n');
            }
        }
        return text.append(answers.getOrDefault(record.path("id").asText(), "")).toString();
    }

    private static void give(String text, Consumer<String> samples) {
        if (!text.isBlank()) {
            samples.accept(text);
        }
    }
}
