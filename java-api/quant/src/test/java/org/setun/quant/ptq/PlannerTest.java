package org.setun.quant.ptq;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.ptq.input.InputTensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PlannerTest {

    private static InputTensor tensor(String name, long... shape) {
        return new InputTensor(name, shape, Optional.empty());
    }

    private static PlannedTensor plan(QuantizeOptions options, String name, long... shape) {
        return new Planner(options).plan(List.of(tensor(name, shape))).getFirst();
    }

    private static QuantizeOptions options(String format) {
        return QuantizeOptions.of(WeightFormats.parse(format));
    }

    @Test
    void vectorsStayExactAndMatricesOfBlocksTakeTheFormat() {
        assertThat(plan(options("bf16"), "blk.0.attn_norm.weight", 256).format().name()).isEqualTo("f32");
        assertThat(plan(options("bf16"), "blk.3.attn_q.bias", 256).format().name()).isEqualTo("f32");
        assertThat(plan(options("bf16"), "blk.0.attn_q.scale", 1).format().name()).isEqualTo("f32");
        assertThat(plan(options("bf16"), "blk.0.ffn_gate_inp.weight", 8, 256).format().name()).isEqualTo("f32");
        assertThat(plan(options("bf16"), "blk.12.ffn_down.weight", 256, 512).format().name()).isEqualTo("bf16");
        assertThat(plan(options("bf16"), "blk.12.ffn_down_exps.weight", 8, 256, 512).format().name()).isEqualTo("f16");
        assertThat(plan(options("f32"), "token_embd.weight", 64, 256).format().name()).isEqualTo("f32");
    }

    @Test
    void theFirstRuleThatMatchesCounts() {
        QuantizeOptions options = options("f32").withKeeps(
                List.of(KeepRule.parse("blk.0.*=f16"), KeepRule.parse("*ffn_?p.weight=bf16"), KeepRule.parse("blk.*=f16")));
        List<PlannedTensor> plan = new Planner(options)
                .plan(List.of(tensor("blk.0.ffn_up.weight", 8, 8), tensor("blk.1.ffn_up.weight", 8, 8),
                        tensor("blk.1.ffn_gate.weight", 8, 8), tensor("output.weight", 8, 8)));
        assertThat(plan.stream().map(tensor -> tensor.format().name())).containsExactly("f16", "bf16", "f16", "f32");
        assertThat(plan.stream().map(PlannedTensor::kept)).containsExactly(true, true, true, false);
        assertThatThrownBy(() -> KeepRule.parse("blk.0.*")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("PATTERN=TYPE");
        assertThatThrownBy(() -> KeepRule.parse("blk.0.*=q9")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("q9");
    }

    @Test
    void aRuleThatMatchesNothingNamesWhatIsNear() {
        QuantizeOptions options = options("q4_0").withKeeps(List.of(KeepRule.parse("tok_embd.weight=f16")));
        assertThatThrownBy(() -> new Planner(options)
                .plan(List.of(tensor("blk.0.ffn_up.weight", 8, 32), tensor("token_embd.weight", 8, 32), tensor("output.weight", 8, 32))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'tok_embd.weight=f16' matches no tensor; the nearest names are token_embd.weight, ");
    }

    @Test
    void aRuleThatCannotHoldSaysWhy() {
        QuantizeOptions own = options("q4_0").withKeeps(List.of(KeepRule.parse("*=pi-q3")));
        assertThatThrownBy(() -> plan(own, "output_norm.weight", 256)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 dimension;").hasMessageContaining("f32");
        assertThatThrownBy(() -> plan(own, "blk.0.ffn_up_exps.weight", 2, 2, 256)).hasMessageContaining("3 dimensions;");
        assertThatThrownBy(() -> plan(own, "output.weight", 8, 96)).hasMessageContaining("96 values are not blocks of 256")
                .hasMessageContaining("f16");
    }

    /** So keeping a tensor in f16 is the way out where a calibration has no Hessian for it. */
    @Test
    void fromSixteenBitsOnRoundingIsToNearest() {
        QuantizeOptions options = options("q4_0").withRounding(RoundingMethod.GPTQ, Path.of("calibration"))
                .withKeeps(List.of(KeepRule.parse("blk.0.*=f16"), KeepRule.parse("blk.1.*=q8_0")));
        assertThat(new Planner(options)
                .plan(List.of(tensor("blk.0.attn_q.weight", 8, 32), tensor("blk.1.attn_q.weight", 8, 32),
                        tensor("blk.2.attn_q.weight", 8, 32),
                        tensor("blk.3.attn_q.weight", 8, 33)))
                .stream().map(PlannedTensor::rounding))
                .containsExactly(RoundingMethod.NEAREST, RoundingMethod.GPTQ, RoundingMethod.GPTQ, RoundingMethod.NEAREST);
    }

    @Test
    void whatHasMoreThanTwoDimensionsStaysInItsType() {
        for (GgmlType type : List.of(GgmlType.IQ2_XXS, GgmlType.IQ4_NL, GgmlType.Q4_K, GgmlType.BF16)) {
            PlannedTensor planned = new Planner(options("q8_0"))
                    .plan(List.of(new InputTensor("blk.0.ffn_up_exps.weight", new long[]{2, 3, 256}, Optional.of(type)))).getFirst();
            assertThat(planned.format().ggmlType()).contains(type);
            assertThat(planned.copied()).isTrue();
            assertThat(planned.bytes()).isEqualTo(type.bytes(2 * 3 * 256));
        }
    }

    @Test
    void adaptiveRoundingNeedsCalibration() {
        assertThatThrownBy(() -> options("f16").withRounding(RoundingMethod.GPTQ, null)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("setun calibrate");
    }

    @Test
    void matricesThatReadTheSameShareASeed() {
        QuantizeOptions options = options("f32").withIncoherence(Incoherence.Method.HADAMARD, 9);
        long q = seed(options, "blk.2.attn_q.weight");
        assertThat(seed(options, "blk.2.attn_k.weight")).isEqualTo(q);
        assertThat(seed(options, "blk.2.attn_v.weight")).isEqualTo(q);
        assertThat(List.of(seed(options, "blk.2.attn_output.weight"), seed(options, "blk.2.ffn_up.weight"),
                seed(options, "blk.2.ffn_down.weight"), seed(options, "blk.3.attn_q.weight"))).doesNotHaveDuplicates().doesNotContain(q);
        assertThat(plan(options, "token_embd.weight", 8, 8).rotation()).isEmpty();
    }

    @Test
    void noModelHasABlockOfThatNumber() {
        QuantizeOptions options = options("f32").withIncoherence(Incoherence.Method.HADAMARD, 9);
        assertThatThrownBy(() -> plan(options, "blk.99999999999999999999.ffn_up.weight", 8, 8)).isInstanceOf(FormatException.class)
                .hasMessageContaining("blk.99999999999999999999.ffn_up.weight").hasMessageContaining("damaged");
    }

    /** The remedy comes with the plan, before the first of many slow matrices is made. */
    @Test
    void orthogonalMatricesAreForSmallModels() {
        QuantizeOptions options = options("f32").withIncoherence(Incoherence.Method.ORTHOGONAL, 9);
        assertThat(plan(options, "blk.0.ffn_up.weight", 4096, 4096).rotation()).isPresent();
        assertThatThrownBy(() -> plan(options, "blk.0.ffn_up.weight", 8192, 64)).hasMessageContaining("blk.0.ffn_up.weight")
                .hasMessageContaining("8192").hasMessageContaining("hadamard");
        List<InputTensor> layers = IntStream.range(0, 3)
                .mapToObj(i -> new InputTensor("blk." + i + ".ffn_up.weight", new long[]{4096, 4096}, Optional.empty())).toList();
        assertThat(new Planner(options).plan(layers.subList(0, 2))).hasSize(2);
        assertThatThrownBy(() -> new Planner(options).plan(layers)).hasMessageContaining("hadamard");
    }

    private static long seed(QuantizeOptions options, String name) {
        return plan(options, name, 8, 8).rotation().orElseThrow().seed();
    }
}
