package org.setun.quant;

import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.NnOps;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Embedding;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizationPlan;
import org.setun.nn.Shape;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.nn.function.EmbeddingFunction;
import org.setun.quant.activation.LearnedRows;
import org.setun.quant.pi.PiWeightQuantizer;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.ScaleRule;

import static org.assertj.core.api.Assertions.assertThat;

/** Embedding and head with quantizers. */
class QuantizedTablesTest extends QuantTest {

    private static final FakeQuantRule FOUR_BITS = new FakeQuantRule(QuantLevels.signed(4), new Estimator.Lsq(0));

    static Stream<WeightQuantizer> quantizers() {
        return Stream.of(new TernaryAbsmean(), new UniformMean(3, true),
                new FakeQuantizer(new FakeQuantRule(QuantLevels.symmetric(4), new Estimator.Clipped(0.5f)), ScaleRule.ABSMAX,
                        Granularity.CHANNEL),
                new LearnedFakeQuantizer(FOUR_BITS, ScaleRule.LSQ, Granularity.TENSOR),
                new LearnedFakeQuantizer(FOUR_BITS, ScaleRule.LSQ, Granularity.CHANNEL, true),
                PiWeightQuantizer.ofBits(3, 4, Granularity.CHANNEL));
    }

    private record Pass(float[] y, float[] dw, float[] dscale) {
    }

    /** An embedding of a quantizer is that of the rounded table, gradients included. */
    @ParameterizedTest
    @MethodSource("quantizers")
    void anEmbeddingIsThatOfTheRoundedTable(WeightQuantizer quantizer) {
        Tensor values = normal(0.5, 9, 16);
        Tensor ids = Tensor.of(pool, new int[]{3, 0, 8, 3, 3}, 5);
        Tensor dy = normal(1, 5, 16);
        Parameter table = parameter("token_embd.weight", values);
        BitLinear layer = new BitLinear(table, null, new Quantization(quantizer, null));
        Tape tape = Tape.recording(backend, workspace);
        Tensor y = new Embedding(layer).forward(tape, ids);
        float[] of = y.toArray();
        tape.backward(y, dy);
        tape.reset();
        Parameter scale = layer.scale();
        Pass inside = new Pass(of, table.gradient().toArray(), scale == null ? new float[0] : scale.gradient().toArray());

        Tensor w = Tensor.of(pool, values.toArray(), 9, 16);
        Tensor scales = scale == null ? null : Tensor.of(pool, scale.value().toArray(), dimensions(scale.shape()));
        Tape by = Tape.recording(backend, workspace);
        by.watch(w);
        if (scales != null) {
            by.watch(scales);
        }
        FakeQuantWeight rounding = new FakeQuantWeight(quantizer, true);
        Tensor rounded = scales == null ? by.apply(rounding, w) : by.apply(rounding, w, scales);
        Tensor rows = by.apply(new EmbeddingFunction(), rounded, ids);
        float[] exact = rows.toArray();
        by.backward(rows, dy);
        assertThat(inside.y).containsExactly(exact);
        assertThat(inside.dw).containsExactly(Objects.requireNonNull(by.gradient(w)).toArray());
        if (scales != null) {
            assertThat(inside.dscale).containsExactly(Objects.requireNonNull(by.gradient(scales)).toArray());
        }
    }

    private static long[] dimensions(Shape shape) {
        return shape.rank() == 1 ? new long[]{shape.size()} : new long[]{shape.rows(), shape.columns()};
    }

    private static DecoderConfig config(boolean tied) {
        return new DecoderConfig(40, 32, 2, 2, 2, 16, 64, 16, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, 1e4f, 1e-5f, tied);
    }

    private static QuantizationPlan plan() {
        WeightQuantizer four = new LearnedFakeQuantizer(FOUR_BITS, ScaleRule.LSQ, Granularity.CHANNEL);
        WeightQuantizer eight = new FakeQuantizer(new FakeQuantRule(QuantLevels.symmetric(8), new Estimator.Identity()), ScaleRule.ABSMAX,
                Granularity.CHANNEL);
        return weight -> switch (weight) {
            case "token_embd.weight", "output.weight" -> new Quantization(four, LearnedRows.lsq(QuantLevels.signed(8), true));
            case "blk.0.attn_v.weight", "blk.1.ffn_up.weight" -> new Quantization(eight, new Int8Absmax());
            case "blk.1.ffn_down.weight" -> new Quantization(null, new Int8Absmax());
            default -> new Quantization(new TernaryAbsmean(), new Int8Absmax());
        };
    }

    /** Each layer has the quantizer of the plan, and the model learns with them. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aPlanGivesEachLayerItsQuantizer(boolean tied) {
        Decoder decoder = new Decoder(config(tied), plan(), pool, DecoderInit.seeded(1));
        assertThat(decoder.linears()).hasSize(tied ? 15 : 16);
        for (Linear layer : decoder.linears()) {
            WeightQuantizer expected = plan().of(layer.weight().name()).weights();
            assertThat(layer.quantization().weights()).as(layer.weight().name()).isEqualTo(expected);
        }
        assertThat(decoder.parameters().stream().map(Parameter::name)).doesNotHaveDuplicates()
                .contains("token_embd.weight.scale", (tied ? "token_embd" : "output") + ".input.scale",
                        (tied ? "token_embd" : "output") + ".input.offset");
        assertThat(decoder.buffers()).hasSize(1);
        Tensor tokens = Tensor.of(pool, new int[]{1, 2, 3, 4, 5, 6, 7, 8}, 8);
        Tensor targets = Tensor.of(pool, new int[]{2, 3, 4, 5, 6, 7, 8, 9}, 8);
        double first = 0;
        double last = 0;
        for (int step = 1; step <= 12; step++) {
            Tape tape = Tape.recording(backend, workspace);
            Tensor loss = decoder.loss(tape, tokens, targets, 1, 8, 8);
            last = loss.item();
            first = step == 1 ? last : first;
            tape.backward(loss);
            tape.reset();
            for (Parameter parameter : decoder.parameters()) {
                assertThat(parameter.gradient().toArray()).as(parameter.name()).doesNotContain(Float.NaN);
            }
            adamW(decoder, step, 0.01f);
        }
        assertThat(last).isLessThan(0.85 * first);
    }

    @Test
    void withoutAPlanTablesAreInFullPrecision() {
        Decoder decoder = new Decoder(config(true), TERNARY, pool, DecoderInit.seeded(1));
        assertThat(decoder.linears()).hasSize(14).allMatch(layer -> layer.weight().name().startsWith("blk."));
    }
}
