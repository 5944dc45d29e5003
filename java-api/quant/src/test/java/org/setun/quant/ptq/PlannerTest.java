package org.setun.quant.ptq;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.setun.formats.FormatException;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.ptq.input.InputTensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PlannerTest {

    private static PlannedTensor plan(QuantizeOptions options, String name, long... shape) {
        return new Planner(options).plan(List.of(new InputTensor(name, shape, Optional.empty()))).getFirst();
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
        assertThat(plan(options, "blk.0.ffn_up.weight", 8, 8).format().name()).isEqualTo("f16");
        assertThat(plan(options, "blk.1.ffn_up.weight", 8, 8).format().name()).isEqualTo("bf16");
        assertThat(plan(options, "blk.1.ffn_gate.weight", 8, 8).format().name()).isEqualTo("f16");
        assertThat(plan(options, "output.weight", 8, 8).format().name()).isEqualTo("f32");
        assertThatThrownBy(() -> KeepRule.parse("blk.0.*")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("PATTERN=TYPE");
        assertThatThrownBy(() -> KeepRule.parse("blk.0.*=q9")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("q9");
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
