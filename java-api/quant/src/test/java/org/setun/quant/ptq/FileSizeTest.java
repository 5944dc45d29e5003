package org.setun.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.setun.formats.gguf.GgufWriter;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.format.WeightRows;
import org.setun.quant.ptq.input.InputTensor;
import org.setun.quant.ptq.input.ModelInput;

import static org.assertj.core.api.Assertions.assertThat;

/** How large a file becomes, head and tokenizer included, without a model of that size. */
class FileSizeTest {

    private static final int WIDTH = 1024;

    /** A llama with rows of 1024 values and a byte-level tokenizer: names, types and merges of as many letters as such vocabularies have. */
    private record Model(int vocabulary, List<InputTensor> tensors) implements ModelInput {

        static Model of(int vocabulary, int layers) {
            List<InputTensor> tensors = new ArrayList<>(List.of(tensor("token_embd.weight", vocabulary, WIDTH)));
            for (int layer = 0; layer < layers; layer++) {
                String prefix = "blk." + layer + ".";
                tensors.addAll(List.of(tensor(prefix + "attn_norm.weight", WIDTH), tensor(prefix + "attn_q.weight", WIDTH, WIDTH),
                        tensor(prefix + "attn_k.weight", 128, WIDTH), tensor(prefix + "attn_v.weight", 128, WIDTH),
                        tensor(prefix + "attn_output.weight", WIDTH, WIDTH), tensor(prefix + "ffn_norm.weight", WIDTH),
                        tensor(prefix + "ffn_gate.weight", 3840, WIDTH), tensor(prefix + "ffn_up.weight", 3840, WIDTH),
                        tensor(prefix + "ffn_down.weight", WIDTH, 3840)));
            }
            tensors.add(tensor("output_norm.weight", WIDTH));
            return new Model(vocabulary, tensors);
        }

        private static InputTensor tensor(String name, long... shape) {
            return new InputTensor(name, shape, Optional.empty());
        }

        @Override
        public String architecture() {
            return "llama";
        }

        @Override
        public List<Path> files() {
            return List.of();
        }

        @Override
        public Map<String, Path> sideFiles() {
            return Map.of();
        }

        @Override
        public WeightRows rows(InputTensor tensor) {
            throw new UnsupportedOperationException("only sizes are asked for");
        }

        @Override
        public Optional<MemorySegment> bytes(InputTensor tensor) {
            return Optional.empty();
        }

        @Override
        public void writeMetadata(GgufWriter writer) {
            writer.string("tokenizer.ggml.model", "gpt2")
                    .strings("tokenizer.ggml.tokens", IntStream.range(0, vocabulary).mapToObj(i -> "t%05x".formatted(i)).toList())
                    .int32s("tokenizer.ggml.token_type", new int[vocabulary])
                    .strings("tokenizer.ggml.merges", IntStream.range(0, vocabulary).mapToObj(i -> "m %05x".formatted(i)).toList());
        }

        @Override
        public void close() {
            // holds nothing
        }
    }

    private static long bytes(Model model, String... keeps) {
        QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse("pi-q2")).withKeeps(List.of(keeps).stream().map(KeepRule::parse)
                .toList());
        return new OutputLayout(model, options.format(), new Planner(options).plan(model.tensors()))
                .plan(options.normalized("none", "none"))
                .bytes();
    }

    /**
     * Half a billion parameters at 2.0625 bits are 129 MB, if the embedding is stored in 2 bits, too. Norms, tokenizer and integrity record
     * bring a file with 32,000 tokens just above 130 MB, and one with 151,936 tokens to 133 MB.
     */
    @Test
    void halfABillionParametersOfTwoBitsAreAbout130Megabytes() {
        Model small = Model.of(32_000, 33);
        Model large = Model.of(151_936, 24);
        for (Model model : List.of(small, large)) {
            assertThat(model.tensors().stream().mapToLong(InputTensor::elements).sum()).isBetween(495_000_000L, 501_000_000L);
        }
        String embedding = "token_embd.weight=pi-q2";
        System.out.printf("%,d and %,d bytes; embedding in q6_k: %,d%n", bytes(small, embedding), bytes(large, embedding), bytes(large));
        assertThat(bytes(small, embedding)).isBetween(130_000_000L, 130_500_000L);
        assertThat(bytes(large, embedding)).isBetween(132_500_000L, 133_500_000L);
        assertThat(bytes(large)).isGreaterThan(200_000_000);
    }
}
