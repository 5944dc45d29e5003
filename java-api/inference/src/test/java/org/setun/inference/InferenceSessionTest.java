package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.formats.FormatException;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.reference.ReferenceBackend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class InferenceSessionTest {

    private static final int VOCAB = RandomModel.CONFIG.vocab();

    private final ReferenceBackend backend = new ReferenceBackend();
    private final MemoryPool memory = MemoryPool.builder(backend).slabBytes(1 << 20).build();

    @AfterEach
    void close() {
        memory.close();
        backend.close();
    }

    private InferenceSession session(Activations activations, int context) {
        return new InferenceSession(RandomModel.CONFIG, new RandomModel().load(backend, memory, activations), backend, context);
    }

    private static int[] tokens(int count) {
        return new Random(3).ints(count, 0, VOCAB).toArray();
    }

    private static float[] copy(MemorySegment logits) {
        return logits.asSlice(0, 4L * VOCAB).toArray(ValueLayout.JAVA_FLOAT);
    }

    private static List<float[]> score(InferenceSession session, int[] tokens) {
        List<float[]> all = new ArrayList<>();
        session.score(tokens, (first, rows, logits) -> {
            assertThat(first).isEqualTo(all.size());
            for (int i = 0; i < rows; i++) {
                all.add(copy(logits.asSlice(4L * i * VOCAB)));
            }
        });
        return all;
    }

    private static float distance(float[] a, float[] b) {
        float max = 0;
        for (int i = 0; i < a.length; i++) {
            max = Math.max(max, Math.abs(a[i] - b[i]));
        }
        return max;
    }

    @ParameterizedTest
    @EnumSource
    void tokenByTokenGivesTheLogitsOfTheBatch(Activations activations) {
        int[] tokens = tokens(150); // more than two batches
        try (InferenceSession session = session(activations, 160)) {
            List<float[]> batch = score(session, tokens);
            assertThat(batch).hasSize(tokens.length);
            session.truncate(0);
            for (int i = 0; i < tokens.length; i++) {
                assertThat(distance(copy(session.next(tokens[i])), batch.get(i))).as("position %d", i).isLessThan(1e-3f);
            }
            session.truncate(0);
            assertThat(copy(session.prefill(tokens))).isEqualTo(batch.getLast());
        }
    }

    @Test
    void theCacheHoldsWhatTruncateLeft() {
        int[] tokens = tokens(30);
        try (InferenceSession session = session(Activations.FP32, 64)) {
            List<float[]> batch = score(session, tokens);
            session.truncate(10);
            session.next((tokens[10] + 1) % VOCAB); // another text after position 10
            session.truncate(10);
            assertThat(session.position()).isEqualTo(10);
            for (int i = 10; i < tokens.length; i++) {
                assertThat(distance(copy(session.next(tokens[i])), batch.get(i))).isLessThan(1e-4f);
            }
            assertThatThrownBy(() -> session.truncate(31)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("31");
        }
    }

    @Test
    void earlierTokensMatterAndLaterOnesDoNot() {
        int[] tokens = tokens(12);
        try (InferenceSession session = session(Activations.INT8, 64)) {
            List<float[]> before = score(session, tokens);
            tokens[5] = (tokens[5] + 1) % VOCAB;
            session.truncate(0);
            List<float[]> after = score(session, tokens);
            for (int i = 0; i < 12; i++) {
                assertThat(distance(before.get(i), after.get(i)) > 1e-4f).as("position %d", i).isEqualTo(i >= 5);
            }
        }
    }

    @Test
    void activationPrecisionIsHonoured() {
        try (InferenceSession exact = session(Activations.FP32, 32); InferenceSession rounded = session(Activations.INT8, 32)) {
            float distance = distance(copy(exact.prefill(tokens(20))), copy(rounded.prefill(tokens(20))));
            assertThat(distance).isBetween(1e-4f, 1f);
        }
    }

    @Test
    void aFullContextIsRefusedAndChangesNothing() {
        try (InferenceSession session = session(Activations.FP32, 8)) {
            session.prefill(tokens(6));
            assertThatThrownBy(() -> session.prefill(tokens(3))).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("holds 6 of at most 8");
            assertThat(session.position()).isEqualTo(6);
            session.prefill(tokens(2));
            assertThatThrownBy(() -> session.next(1)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void tokensOutsideTheVocabularyAreNamed() {
        try (InferenceSession session = session(Activations.FP32, 8)) {
            assertThatThrownBy(() -> session.prefill(new int[]{1, VOCAB})).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("token 1 = " + VOCAB);
            assertThatThrownBy(() -> session.next(-1)).hasMessageContaining("= -1");
            assertThatThrownBy(() -> session.prefill(new int[0])).hasMessageContaining("empty");
            assertThat(session.position()).isZero();
        }
    }

    @Test
    void aSessionTakesItsMemoryOnceAndGivesItBack() {
        InferenceSession session = session(Activations.INT8, 64);
        long taken = session.memoryBytes();
        session.prefill(tokens(20));
        for (int i = 0; i < 40; i++) {
            session.next(i);
        }
        assertThat(session.memoryBytes()).isEqualTo(taken).isGreaterThan(2L * 2 * 64 * 20 * 4);
        session.close();
        assertThat(session.memoryBytes()).isZero();
        assertThatThrownBy(() -> session.next(1)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void scalesMultiplyTernaryAndOtherProducts() {
        RandomModel scaled = new RandomModel();
        RandomModel folded = new RandomModel();
        for (String name : new String[]{"blk.0.attn_k", "blk.1.attn_k", "blk.0.attn_v", "blk.1.attn_v"}) {
            float scale = folded.tensors().remove(name + ".scale")[0];
            float[] values = folded.tensors().get(name + ".weight");
            for (int i = 0; i < values.length; i++) {
                values[i] *= scale;
            }
        }
        int[] tokens = tokens(9);
        try (InferenceSession a = new InferenceSession(RandomModel.CONFIG, scaled.load(backend, memory, Activations.FP32), backend, 16);
                InferenceSession b = new InferenceSession(RandomModel.CONFIG, folded.load(backend, memory, Activations.FP32), backend,
                        16)) {
            assertThat(distance(copy(a.prefill(tokens)), copy(b.prefill(tokens)))).isCloseTo(0, within(1e-4f));
        }
    }

    @Test
    void tensorsThatAreMissingMisshapenOrUnknownAreRefused() {
        RandomModel missing = new RandomModel();
        missing.tensors().remove("blk.1.ffn_sub_norm.weight");
        assertThatThrownBy(() -> missing.load(backend, memory, Activations.INT8)).isInstanceOf(FormatException.class)
                .hasMessageContaining("blk.1.ffn_sub_norm.weight");
        RandomModel misshapen = new RandomModel();
        misshapen.tensors().put("blk.0.attn_q.weight", new float[4]);
        assertThatThrownBy(() -> misshapen.load(backend, memory, Activations.INT8)).isInstanceOf(FormatException.class)
                .hasMessageContaining("blk.0.attn_q.weight");
        RandomModel unknown = new RandomModel();
        unknown.tensors().put("blk.0.ffn_gate_inp.weight", new float[4]);
        assertThatThrownBy(() -> unknown.load(backend, memory, Activations.INT8)).isInstanceOf(FormatException.class)
                .hasMessageContaining("blk.0.ffn_gate_inp.weight").hasMessageContaining("no place");
    }
}
