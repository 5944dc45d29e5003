package org.setun.quant.ptq;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
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

    private static long seed(QuantizeOptions options, String name) {
        return plan(options, name, 8, 8).rotation().orElseThrow().seed();
    }
}
