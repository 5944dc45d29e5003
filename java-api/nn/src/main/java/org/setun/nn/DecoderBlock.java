package org.setun.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.nn.function.Attention;
import org.setun.nn.function.Glu;
import org.setun.nn.function.Rope;

/** One block of a {@link Decoder}: attention and a gated feed-forward network, each behind a norm and around a residual. */
final class DecoderBlock {

    private final DecoderConfig config;
    private final List<Parameter> parameters = new ArrayList<>();
    private final RmsNorm attentionNorm;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final @Nullable RmsNorm queryNorm;
    private final @Nullable RmsNorm keyNorm;
    private final @Nullable RmsNorm attentionSubNorm;
    private final Linear output;
    private final RmsNorm ffnNorm;
    private final Linear gate;
    private final Linear up;
    private final @Nullable RmsNorm ffnSubNorm;
    private final Linear down;
    private final Rope rope;
    private final Glu glu;

    DecoderBlock(DecoderConfig config, int index, QuantizationPlan plan, Initializer initializer, DecoderInit init) {
        this.config = config;
        long attention = (long) config.heads() * config.headDim();
        long keys = (long) config.kvHeads() * config.headDim();
        double narrow = init.residualDeviation(config.layers());
        Builder make = new Builder("blk." + index + ".", plan, initializer);
        attentionNorm = make.norm("attn_norm", config.dim());
        Quantization attentionInput = make.place(config.dim(), "attn_q", "attn_k", "attn_v");
        q = make.linear("attn_q", attentionInput, attention, config.dim(), init.standardDeviation(), config.qkvBias());
        k = make.linear("attn_k", attentionInput, keys, config.dim(), init.standardDeviation(), config.qkvBias());
        v = make.linear("attn_v", attentionInput, keys, config.dim(), init.standardDeviation(), config.qkvBias());
        queryNorm = config.headNorms() ? make.norm("attn_q_norm", config.headDim()) : null;
        keyNorm = config.headNorms() ? make.norm("attn_k_norm", config.headDim()) : null;
        attentionSubNorm = config.subNorms() ? make.norm("attn_sub_norm", attention) : null;
        output = make.linear("attn_output", make.place(attention, "attn_output"), config.dim(), attention, narrow, false);
        ffnNorm = make.norm("ffn_norm", config.dim());
        Quantization ffnInput = make.place(config.dim(), "ffn_gate", "ffn_up");
        gate = make.linear("ffn_gate", ffnInput, config.ffn(), config.dim(), init.standardDeviation(), false);
        up = make.linear("ffn_up", ffnInput, config.ffn(), config.dim(), init.standardDeviation(), false);
        ffnSubNorm = config.subNorms() ? make.norm("ffn_sub_norm", config.ffn()) : null;
        down = make.linear("ffn_down", make.place(config.ffn(), "ffn_down"), config.dim(), config.ffn(), narrow, false);
        rope = new Rope(config.headDim(), config.ropeTheta(), config.rope(), true);
        glu = new Glu(config.activation());
    }

    /** Makes the layers in the order of the parameters. */
    private final class Builder {
        private final String prefix;
        private final QuantizationPlan plan;
        private final Initializer initializer;

        Builder(String prefix, QuantizationPlan plan, Initializer initializer) {
            this.prefix = prefix;
            this.plan = plan;
            this.initializer = initializer;
        }

        RmsNorm norm(String name, long d) {
            RmsNorm norm = new RmsNorm(initializer.constant(prefix + name + ".weight", 1, d), config.normEps());
            parameters.add(norm.weight());
            return norm;
        }

        /** What the layers {@code names} quantize, which share an input: its quantizer is that of the first of them that has one. */
        Quantization place(long inputs, String... names) {
            Quantization shared = Arrays.stream(names).map(name -> plan.of(prefix + name + ".weight"))
                    .filter(quantization -> quantization.activations() != null).findFirst().orElse(Quantization.NONE);
            Quantization placed = shared.at(prefix + names[0], initializer, inputs);
            parameters.addAll(placed.parameters());
            return placed;
        }

        Linear linear(String name, Quantization placed, long outputs, long inputs, double deviation, boolean bias) {
            Linear linear = Linear.of(initializer.normal(prefix + name + ".weight", deviation, outputs, inputs),
                    bias ? initializer.constant(prefix + name + ".bias", 0, outputs) : null,
                    placed.withWeights(plan.of(prefix + name + ".weight").weights()));
            parameters.addAll(linear.parameters());
            return linear;
        }
    }

    List<Parameter> parameters() {
        return parameters;
    }

    List<Linear> linears() {
        return List.of(q, k, v, output, gate, up, down);
    }

    /** {@code x} F32[batch*t][dim] to the same shape; {@code positions} I32[batch*t]. */
    Tensor forward(Tape tape, Tensor x, Tensor positions, long batch, long t) {
        return feedForward(tape, attend(tape, x, positions, batch, t));
    }

    private Tensor attend(Tape tape, Tensor x, Tensor positions, long batch, long t) {
        Tensor input = attentionNorm.forward(tape, x);
        Tensor[] projected = Linear.forwardAll(tape, input, List.of(q, k, v));
        q.discardInput(tape, input);
        Tensor queries = tape.apply(rope, normalized(tape, queryNorm, projected[0]), positions);
        Tensor keys = tape.apply(rope, normalized(tape, keyNorm, projected[1]), positions);
        Attention attention = new Attention(batch, t, config.heads(), config.kvHeads(), config.headDim());
        Tensor heads = tape.apply(attention, queries, keys, projected[2]);
        Tensor joined = normalized(tape, attentionSubNorm, heads);
        Tensor y = output.forward(tape, joined, x);
        if (joined != heads) {
            output.discardInput(tape, joined);
        }
        return y;
    }

    private Tensor feedForward(Tape tape, Tensor x) {
        Tensor input = ffnNorm.forward(tape, x);
        Tensor[] projected = Linear.forwardAll(tape, input, List.of(gate, up));
        gate.discardInput(tape, input);
        Tensor inner = normalized(tape, ffnSubNorm, tape.apply(glu, projected[0], projected[1]));
        Tensor y = down.forward(tape, inner, x);
        down.discardInput(tape, inner);
        return y;
    }

    private static Tensor normalized(Tape tape, @Nullable RmsNorm norm, Tensor x) {
        return norm == null ? x : norm.forward(tape, x);
    }
}
