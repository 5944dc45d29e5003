package org.setun.quant;

import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.nn.BitLinear;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Precision;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TernaryDecoderTest extends QuantTest {

    private static final String TEXT = "the quick brown fox jumps over the lazy dog. pack my box with five dozen jugs. ".repeat(8);

    private static DecoderConfig config(boolean tied) {
        return new DecoderConfig(128, 32, 2, 4, 2, 8, 64, 64, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, 10000, 1e-5f, tied);
    }

    private Decoder decoder(Quantization quantization) {
        return new Decoder(config(true), quantization, pool, DecoderInit.seeded(7));
    }

    private Tensor text(int from, int batch, int t) {
        byte[] bytes = TEXT.getBytes(StandardCharsets.US_ASCII);
        int[] ids = new int[batch * t];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = bytes[(from + i / t * 37 + i % t) % bytes.length];
        }
        return Tensor.of(pool, ids, ids.length);
    }

    private float[][] gradients(Decoder decoder) {
        float[][] gradients = decoder.parameters().stream().map(parameter -> parameter.gradient().toArray()).toArray(float[][]::new);
        decoder.clearGradients();
        return gradients;
    }

    /** The second forward pass makes the same codes; with 8-bit activations the inputs of layers are not kept in fp32 either way. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void recomputationChangesNoBitAndTakesLessMemory(Precision precision) {
        Decoder decoder = decoder(TERNARY);
        float[][][] gradients = new float[2][][];
        long[] bytes = new long[2];
        for (int recompute = 0; recompute < 2; recompute++) {
            decoder.recompute(recompute == 1);
            try (Workspace own = new Workspace(backend, 1 << 16)) {
                Tape tape = Tape.recording(backend, own, precision);
                tape.backward(decoder.loss(tape, text(0, 4, 32), text(1, 4, 32), 4, 32, 128));
                tape.reset();
                bytes[recompute] = own.statistics().peak();
            }
            gradients[recompute] = gradients(decoder);
        }
        assertThat(gradients[1]).isDeepEqualTo(gradients[0]);
        assertThat(bytes[1]).isLessThan(bytes[0] * 3 / 4);
    }

    /** The weights that the products see are strictly ternary, and the loss falls. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void lossFallsByThirtyPercentInTwoHundredSteps(boolean ternary) {
        Decoder decoder = decoder(ternary ? TERNARY : Quantization.NONE);
        Tape tape = Tape.recording(backend, workspace);
        double first = 0;
        double last = 0;
        for (int step = 1; step <= 200; step++) {
            Tensor loss = decoder.loss(tape, text(step * 11, 1, 24), text(step * 11 + 1, 1, 24), 1, 24, 24);
            last = loss.item();
            tape.backward(loss);
            first = step == 1 ? last : first;
            tape.reset();
            adamW(decoder, step, 4e-3f);
        }
        assertThat(first).isCloseTo(Math.log(128), Offset.offset(0.3));
        assertThat(last).isLessThan(0.7 * first);
        Set<Byte> codes = new HashSet<>();
        for (Linear linear : decoder.linears()) {
            assertThat(linear instanceof BitLinear).isEqualTo(ternary);
            if (linear instanceof BitLinear bitLinear) {
                for (byte code : ((TernaryWeight) bitLinear.quantizedWeight(backend)).unpack(backend, workspace).toByteArray()) {
                    codes.add(code);
                }
            }
        }
        assertThat(codes).isEqualTo(ternary ? Set.of((byte) -1, (byte) 0, (byte) 1) : Set.of());
    }

    @Test
    void microBatchesAddUpToTheBatch() {
        Decoder decoder = decoder(TERNARY);
        Tape tape = Tape.recording(backend, workspace);
        int t = 16;
        Tensor loss = decoder.loss(tape, text(0, 4, t), text(1, 4, t), 4, t, 4 * t);
        double whole = loss.item();
        tape.backward(loss);
        tape.reset();
        float[][] expected = gradients(decoder);
        double sum = 0;
        for (int sequence = 0; sequence < 4; sequence++) {
            loss = decoder.loss(tape, text(0, 4, t).slice(sequence * t, sequence * t + t),
                    text(1, 4, t).slice(sequence * t, sequence * t + t), 1,
                    t, 4 * t);
            sum += loss.item();
            tape.backward(loss);
            tape.reset();
        }
        assertThat(sum).isCloseTo(whole, Percentage.withPercentage(1e-5));
        float[][] actual = gradients(decoder);
        for (int p = 0; p < expected.length; p++) {
            double largest = 0;
            for (float value : expected[p]) {
                largest = Math.max(largest, Math.abs(value));
            }
            assertThat(largest).as(decoder.parameters().get(p).name()).isPositive();
            assertThat(actual[p]).as(decoder.parameters().get(p).name()).containsExactly(expected[p],
                    Offset.offset((float) (1e-6 * largest)));
        }
    }

    @Test
    void codesAreMadeOncePerStep() {
        Decoder decoder = decoder(TERNARY);
        Tape tape = Tape.recording(backend, workspace);
        tape.backward(decoder.loss(tape, text(0, 1, 8), text(1, 1, 8), 1, 8, 16));
        tape.reset();
        BitLinear linear = (BitLinear) decoder.linears().getFirst();
        byte[] codes = linear.quantizedWeight(backend).codes().toByteArray();
        linear.weight().value().clear(); // unknown to the layer: no version change
        assertThat(linear.quantizedWeight(backend).codes().toByteArray()).isEqualTo(codes);
        linear.weight().markChanged();
        assertThat(linear.quantizedWeight(backend).codes().toByteArray()).isNotEqualTo(codes);
    }

    @Test
    void recordingAndEvaluatingTapesGiveTheSameBits() {
        Decoder decoder = decoder(TERNARY);
        float[] recorded = decoder.forward(Tape.recording(backend, workspace), text(0, 2, 12), 2, 12).toArray();
        float[] evaluated = decoder.forward(Tape.evaluating(backend, workspace), text(0, 2, 12), 2, 12).toArray();
        assertThat(evaluated).containsExactly(recorded);
    }

    @Test
    void laterTokensDoNotChangeEarlierLogits() {
        Decoder decoder = decoder(TERNARY);
        Tape tape = Tape.evaluating(backend, workspace);
        float[] whole = decoder.forward(tape, text(0, 1, 12), 1, 12).toArray();
        float[] prefix = decoder.forward(tape, text(0, 1, 5), 1, 5).toArray();
        for (int i = 0; i < prefix.length; i++) {
            assertThat(whole[i]).isCloseTo(prefix[i], Offset.offset(1e-5f));
        }
    }

    @Test
    void theTwinStartsFromTheSameNumbersAndHasTheSameParameters() {
        Decoder ternary = decoder(TERNARY);
        Decoder twin = decoder(Quantization.NONE);
        assertThat(twin.parameters().stream().map(Parameter::name))
                .containsExactlyElementsOf(ternary.parameters().stream().map(Parameter::name).toList());
        for (int i = 0; i < twin.parameters().size(); i++) {
            assertThat(twin.parameters().get(i).value().toArray()).containsExactly(ternary.parameters().get(i).value().toArray());
        }
        assertThat(ternary.linears()).hasSize(14).allMatch(linear -> linear instanceof BitLinear);
        assertThat(twin.linears()).hasSize(14).noneMatch(linear -> linear instanceof BitLinear);
    }

    @Test
    void parametersHaveGgufNamesInAFixedOrder() {
        Decoder decoder = new Decoder(config(false), TERNARY, pool, DecoderInit.seeded(7));
        assertThat(decoder.parameters().stream().map(Parameter::name).limit(13)).containsExactly("token_embd.weight",
                "blk.0.attn_norm.weight",
                "blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight", "blk.0.attn_sub_norm.weight",
                "blk.0.attn_output.weight",
                "blk.0.ffn_norm.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.0.ffn_sub_norm.weight",
                "blk.0.ffn_down.weight",
                "blk.1.attn_norm.weight");
        assertThat(decoder.parameters().getLast().name()).isEqualTo("output.weight");
        assertThat(decoder.parameter("output.weight").shape().dimension(0)).isEqualTo(128);
        assertThat(decoder.parameterCount()).isEqualTo(2 * 128 * 32 + 32 + decoder.config().linearParameters() + 2 * (32 + 32 + 32 + 64));
        assertThat(decoder.config().forwardFlopsPerToken(1))
                .isEqualTo(2.0 * (decoder.config().linearParameters() + 128 * 32) + 4.0 * 2 * 32);
        assertThatThrownBy(() -> decoder.parameter("blk.2.attn_q.weight")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theUntiedHeadIsTrainedToo() {
        Decoder decoder = new Decoder(config(false), TERNARY, pool, DecoderInit.seeded(7));
        Tape tape = Tape.recording(backend, workspace);
        tape.backward(decoder.loss(tape, text(0, 1, 8), text(1, 1, 8), 1, 8, 8));
        for (Parameter parameter : decoder.parameters()) {
            float sum = 0;
            for (float value : parameter.gradient().toArray()) {
                sum += Math.abs(value);
            }
            assertThat(sum).as(parameter.name()).isPositive().isFinite();
        }
    }

    @Test
    void wrongSizesAreNamed() {
        Decoder decoder = decoder(TERNARY);
        Tape tape = Tape.evaluating(backend, workspace);
        assertThatThrownBy(() -> decoder.forward(tape, text(0, 1, 65), 1, 65)).hasMessageContaining("[1, 64]");
        assertThatThrownBy(() -> decoder.forward(tape, text(0, 1, 8), 2, 8)).hasMessageContaining("tokens is I32[8], must be I32[16]");
        for (String field : List.of("kvHeads", "headDim", "ropeTheta", "normEps", "vocab")) {
            assertThatThrownBy(() -> new DecoderConfig(field.equals("vocab") ? 0 : 8, 8, 1, 4, field.equals("kvHeads") ? 3 : 2,
                    field.equals("headDim") ? 3 : 2, 8, 8, NnOps.Glu.SILU, true, NnOps.Rope.HALVES,
                    field.equals("ropeTheta") ? Float.NaN : 1e4f,
                    field.equals("normEps") ? 0 : 1e-5f, true)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(field + " = ");
        }
    }
}
