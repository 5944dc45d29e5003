package org.setun.inference;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class GeneratorTest {

    private final Backend backend = new ReferenceBackend();
    private Golden golden;
    private InferenceModel model;
    private Generator generator;

    @BeforeEach
    void open() throws IOException {
        golden = Golden.of("bitnet-TQ2_0");
        model = InferenceModel.open(golden.model(), backend, Activations.FP32);
        generator = new Generator(model, 128);
    }

    @AfterEach
    void close() {
        if (generator != null) {
            generator.close();
            model.close();
        }
        backend.close();
    }

    private Generation greedy(GenerationOptions options) {
        return generator.generate(golden.tokens(), options, piece -> {
        });
    }

    @Test
    void greedyTextIsThatOfLlamaCpp() {
        Generation generation = greedy(GenerationOptions.greedy(32));
        assertThat(generation.tokens()).isEqualTo(golden.exactGreedy());
        assertThat(generation.end()).isEqualTo(Generation.End.MAX_TOKENS);
        String whole = model.tokenizer()
                .decode(IntStream.concat(Arrays.stream(golden.tokens()), Arrays.stream(generation.tokens())).toArray());
        assertThat(whole).endsWith(generation.text());
        assertThat(generation.text()).endsWith(model.tokenizer().decode(golden.exactGreedy()));
        assertThat(generation.promptTokens()).isEqualTo(48);
        assertThat(generation.decodeSteps()).isEqualTo(31);
        assertThat(generation.prefillRate()).isPositive();
        assertThat(generation.decodeRate()).isPositive();
        assertThat(greedy(GenerationOptions.greedy(32)).tokens()).as("a second run starts anew").isEqualTo(generation.tokens());
    }

    @Test
    void piecesAddUpToTheText() {
        List<String> pieces = new ArrayList<>();
        Generation generation = generator.generate(golden.tokens(), GenerationOptions.greedy(60), pieces::add);
        assertThat(String.join("", pieces)).isEqualTo(generation.text());
        assertThat(pieces).hasSizeGreaterThan(5).doesNotContain("");
        assertThat(pieces).allSatisfy(piece -> assertThat(Character.isHighSurrogate(piece.charAt(piece.length() - 1))).isFalse());
    }

    @Test
    void aStopStringEndsTheTextBeforeItself() {
        String text = greedy(GenerationOptions.greedy(32)).text();
        String stop = text.substring(20, 23);
        Generation stopped = greedy(GenerationOptions.greedy(32).withStops("never", stop));
        assertThat(stopped.end()).isEqualTo(Generation.End.STOP_STRING);
        assertThat(stopped.text()).isEqualTo(text.substring(0, text.indexOf(stop)));
        assertThat(stopped.tokens().length).isLessThan(32);
    }

    @Test
    void aFullContextEndsTheText() {
        try (Generator narrow = new Generator(model, 52)) {
            Generation generation = narrow.generate(golden.tokens(), GenerationOptions.greedy(32), piece -> {
            });
            assertThat(generation.end()).isEqualTo(Generation.End.CONTEXT_FULL);
            assertThat(generation.tokens()).isEqualTo(Arrays.copyOf(golden.exactGreedy(), 5)); // the last one needs no place
            assertThatThrownBy(() -> narrow.generate(new int[53], GenerationOptions.greedy(1), piece -> {
            })).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("53 tokens").hasMessageContaining("holds 52");
        }
        assertThatThrownBy(() -> new Generator(model, model.config().context() + 1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theModelCanEndItsText() {
        // At a high temperature each of 512 tokens comes up soon, the end of the text among them.
        GenerationOptions options = GenerationOptions.greedy(70).withSampling(Sampling.temperature(50, 3));
        List<Generation> generations = new ArrayList<>();
        for (int seed = 0; seed < 60 && generations.stream().noneMatch(g -> g.end() == Generation.End.END_OF_TEXT); seed++) {
            generations.add(greedy(options.withSampling(Sampling.temperature(50, seed))));
        }
        Generation ended = generations.getLast();
        assertThat(ended.end()).isEqualTo(Generation.End.END_OF_TEXT);
        assertThat(ended.tokens().length).isLessThan(70);
        int seed = generations.size() - 1;
        Generation ignored = greedy(options.withSampling(Sampling.temperature(50, seed)).withIgnoreEndOfText(true));
        assertThat(ignored.tokens()).startsWith(ended.tokens()).hasSizeGreaterThan(ended.tokens().length);
    }

    @Test
    void equalSeedsGiveEqualTexts() {
        GenerationOptions options = GenerationOptions.greedy(24).withSampling(Sampling.temperature(1.5f, 9).withTopK(40).withTopP(0.9f));
        assertThat(greedy(options).tokens()).isEqualTo(greedy(options).tokens());
        assertThat(greedy(options.withSampling(Sampling.temperature(1.5f, 10))).tokens()).isNotEqualTo(greedy(options).tokens());
    }

    @Test
    void textPromptsBeginWithTheMarkerAndKeepControlTokensAsText() {
        int[] ids = model.tokenizer().encode("Hello, <|eos|>", true, false);
        assertThat(ids[0]).isEqualTo(504);
        assertThat(ids).doesNotContain(505);
        assertThat(generator.generate("Hello, <|eos|>", GenerationOptions.greedy(4)).promptTokens()).isEqualTo(ids.length);
        assertThat(generator.generate("", GenerationOptions.greedy(4)).promptTokens()).isEqualTo(1);
    }

    @Test
    void theTokenizerOfTheFileSplitsAsLlamaCppDoes() throws IOException {
        JsonNode vectors = new ObjectMapper().readTree(TestData.require("golden-models/tokenizer-vectors.json").toFile()).get("vectors");
        Tokenizer tokenizer = model.tokenizer();
        assertThat(vectors.size()).isEqualTo(20);
        for (JsonNode vector : vectors) {
            String text = vector.get("text").asText();
            assertThat(tokenizer.encode(text, false, false)).as(text).isEqualTo(ids(vector.get("ids")));
            assertThat(tokenizer.encode(text, true, true)).as(text).isEqualTo(ids(vector.get("ids_special")));
        }
    }

    private static int[] ids(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
    }
}
