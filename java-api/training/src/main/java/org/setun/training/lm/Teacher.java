package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.setun.formats.Sha256;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Allocator;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.Linear;
import org.setun.nn.LinearObserver;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.model.ModelFile;
import org.setun.training.checkpoint.CheckpointStore;

/**
 * A trained model that another learns from. It runs on evaluating tapes alone, so nothing that a student does changes it. One thread.
 *
 * @param name    for messages: its file or folder
 * @param decoder its network
 */
record Teacher(String name, Decoder decoder) {

    private static final List<String> PROJECTIONS = List.of("attn_q", "attn_k", "attn_v");

    /** What a teacher makes of a batch. */
    record Signals(Tensor logits, Features features) {
    }

    /**
     * States inside a model, for one block.
     *
     * @param hidden      F32[batch*t][dim], the block's output; empty if nobody asked
     * @param projections queries, keys and values F32[batch*t][heads*headDim], before the rotary embedding; empty if nobody asked
     */
    record Features(Optional<Tensor> hidden, List<Tensor> projections) {

        /** Nothing. */
        static final Features NONE = new Features(Optional.empty(), List.of());
    }

    /**
     * Reads a model: GGUF, safetensors, llama2.c, a checkpoint of a training run, or the run's folder, of which the newest checkpoint counts.
     *
     * @param allocator for its weights, usually a pool
     * @param tokenizer of the student
     * @param student   how messages call the student
     * @throws IllegalArgumentException if the two do not have the same vocabulary
     */
    static Teacher load(Path path, Allocator allocator, Tokenizer tokenizer, String student) throws IOException {
        Optional<Path> checkpoint = checkpoint(path);
        if (checkpoint.isPresent()) {
            TrainedModel model = TrainedModel.load(checkpoint.get(), allocator);
            requireSameVocabulary(path, model.tokenizer(), tokenizer, student);
            return new Teacher(path.toString(), model.decoder());
        }
        try (ModelFile file = ModelFile.open(path, null)) {
            Optional<Tokenizer> own = file.tokenizer();
            if (own.isPresent()) {
                requireSameVocabulary(path, own.get(), tokenizer, student);
            } else if (file.config().vocab() != tokenizer.vocabSize()) {
                throw otherVocabulary(path, file.config().vocab() + " tokens", student, tokenizer.vocabSize() + " tokens");
            }
            return new Teacher(path.toString(), file.decoder(allocator));
        }
    }

    /** SHA-256 of a model's weights without loading them: of its files, or of a checkpoint's. */
    static String sha256(Path path) throws IOException {
        Optional<Path> checkpoint = checkpoint(path);
        if (checkpoint.isPresent()) {
            return Sha256.of(checkpoint.get().resolve(CheckpointStore.MODEL_FILE));
        }
        try (ModelFile file = ModelFile.open(path, null)) {
            return Sha256.of(file.files(), done -> {
            });
        }
    }

    /** The checkpoint that {@code path} is or, as the folder of a run, holds as its newest. */
    static Optional<Path> checkpoint(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return Optional.empty();
        }
        if (Files.exists(path.resolve(CheckpointStore.STATE_FILE))) {
            return Optional.of(path);
        }
        List<Path> all = CheckpointStore.list(path);
        return all.isEmpty() ? Optional.empty() : Optional.of(all.getLast());
    }

    private static void requireSameVocabulary(Path path, Tokenizer own, Tokenizer tokenizer, String student) {
        if (own.vocabSize() != tokenizer.vocabSize()) {
            throw otherVocabulary(path, own.vocabSize() + " tokens", student, tokenizer.vocabSize() + " tokens");
        }
        for (int id = 0; id < own.vocabSize(); id++) {
            if (!Arrays.equals(own.bytes(id), tokenizer.bytes(id))) {
                throw otherVocabulary(path, "token " + id + " = '" + own.decode(id) + "'", student,
                        "token " + id + " = '" + tokenizer.decode(id) + "'");
            }
        }
    }

    private static IllegalArgumentException otherVocabulary(Path path, String teacher, String student, String students) {
        return new IllegalArgumentException("teacher " + path + " has " + teacher + ", student " + student + " has " + students
                + ": both need one vocabulary; set tokenizer.file to the teacher's tokenizer.json");
    }

    /**
     * Runs on {@code batch} sequences of {@code t} tokens. The results live in the tape's workspace; all else of the pass is released.
     *
     * @param hidden    the block whose output is wanted, -1 for none
     * @param relations the block whose queries, keys and values are wanted, -1 for none
     */
    Signals run(Tape tape, Tensor tokens, long batch, long t, int hidden, int relations) {
        long rows = batch * t;
        int vocab = decoder.config().vocab();
        Tensor logits = Tensor.allocate(tape.workspace(), DType.F32, rows, vocab);
        Capture capture = new Capture(hidden, relations);
        Optional<Tensor> state = hidden < 0
                ? Optional.empty()
                : Optional.of(Tensor.allocate(tape.workspace(), DType.F32, rows, decoder.config().dim()));
        List<Tensor> projections = new ArrayList<>();
        if (relations >= 0) {
            for (String name : PROJECTIONS) {
                projections.add(Tensor.allocate(tape.workspace(), DType.F32, rows,
                        decoder.parameter("blk." + relations + "." + name + ".weight").shape().rows()));
            }
        }
        Tape own = Tape.evaluating(tape.backend(), tape.workspace(), tape.precision());
        own.observe(capture);
        logits.copyFrom(decoder.forward(own, tokens, batch, t));
        Features seen = capture.features();
        state.ifPresent(to -> to.copyFrom(seen.hidden().orElseThrow()));
        for (int i = 0; i < projections.size(); i++) {
            projections.get(i).copyFrom(seen.projections().get(i));
        }
        own.reset();
        return new Signals(logits, new Features(state, projections));
    }

    /** Catches states of one forward pass. */
    static final class Capture implements LinearObserver {

        private final String hidden;
        private final List<String> relations;
        private final Map<String, Tensor> outputs = new TreeMap<>();

        /** Of these blocks; -1 for none. */
        Capture(int hidden, int relations) {
            this.hidden = hidden < 0 ? "" : "blk." + hidden + ".ffn_down.weight";
            this.relations = relations < 0
                    ? List.of()
                    : PROJECTIONS.stream().map(name -> "blk." + relations + "." + name + ".weight").toList();
        }

        @Override
        public void observe(List<? extends Linear> layers, Tensor x) {
            // the outputs are what counts
        }

        @Override
        public void observeOutputs(List<? extends Linear> layers, Tensor[] results) {
            for (int i = 0; i < results.length; i++) {
                String name = layers.get(i).weight().name();
                if (name.equals(hidden) || relations.contains(name)) {
                    outputs.put(name, results[i]);
                }
            }
        }

        Features features() {
            return new Features(hidden.isEmpty() ? Optional.empty() : Optional.ofNullable(outputs.get(hidden)),
                    relations.stream().map(outputs::get).toList());
        }
    }
}
