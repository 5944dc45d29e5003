package org.setun.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.Allocator;
import org.setun.nn.function.CrossEntropy;

/**
 * A decoder-only language model for training and evaluation, in the layout of BitNet b1.58 2B4T (arXiv 2504.12285) or Llama: embedding,
 * blocks of RMS norm, rotary grouped-query attention and a gated feed-forward network, final norm, head. Quantization applies to the
 * linear layers of the blocks, or as a {@link QuantizationPlan} says to embedding and head, too; norms stay in fp32. Parameters have GGUF names.
 *
 * <p>A forward pass on an {@linkplain Tape#evaluating evaluating tape} is the oracle of packed inference. One thread at a time.
 */
public final class Decoder implements Model {

    private static final String EMBEDDING = "token_embd";
    private static final String HEAD = "output";
    private static final String WEIGHT = ".weight";

    private final DecoderConfig config;
    private final Embedding embedding;
    private final List<DecoderBlock> blocks = new ArrayList<>();
    private final RmsNorm outputNorm;
    private final Linear head;
    private final List<Parameter> parameters = new ArrayList<>();
    private boolean recompute;

    /**
     * A model with random weights.
     *
     * @param quantization of the blocks' linear layers; {@link Quantization#NONE} for full precision
     * @param allocator    for parameters, gradients and packed weights, usually a pool
     */
    public Decoder(DecoderConfig config, Quantization quantization, Allocator allocator, DecoderInit init) {
        this(config, QuantizationPlan.blocks(quantization), allocator, init);
    }

    /**
     * A model with random weights.
     *
     * @param plan      what each layer quantizes
     * @param allocator for parameters, gradients and packed weights, usually a pool
     */
    public Decoder(DecoderConfig config, QuantizationPlan plan, Allocator allocator, DecoderInit init) {
        this(config, plan, new Initializer(allocator, init.seed()), init);
    }

    /**
     * A trained model.
     *
     * @param quantization of the blocks' linear layers; {@link Quantization#NONE} for full precision
     * @param allocator    for parameters, gradients and packed weights, usually a pool
     */
    public Decoder(DecoderConfig config, Quantization quantization, Allocator allocator, ParameterValues values) {
        this(config, QuantizationPlan.blocks(quantization), allocator, values);
    }

    /**
     * A trained model.
     *
     * @param plan      what each layer quantizes
     * @param allocator for parameters, gradients and packed weights, usually a pool
     */
    public Decoder(DecoderConfig config, QuantizationPlan plan, Allocator allocator, ParameterValues values) {
        this(config, plan, new Initializer(allocator, values), DecoderInit.seeded(0));
    }

    private Decoder(DecoderConfig config, QuantizationPlan plan, Initializer initializer, DecoderInit init) {
        this.config = config;
        String headName = config.tiedHead() ? EMBEDDING : HEAD;
        Quantization ofHead = plan.of(headName + WEIGHT).at(headName, initializer, config.dim());
        Parameter table = initializer.normal(EMBEDDING + WEIGHT, init.standardDeviation(), config.vocab(), config.dim());
        embedding = new Embedding(Linear.of(table, null, config.tiedHead() ? ofHead : plan.of(EMBEDDING + WEIGHT).withoutActivations()));
        parameters.addAll(embedding.parameters());
        for (int i = 0; i < config.layers(); i++) {
            DecoderBlock block = new DecoderBlock(config, i, plan, initializer, init);
            blocks.add(block);
            parameters.addAll(block.parameters());
        }
        outputNorm = new RmsNorm(initializer.constant("output_norm.weight", 1, config.dim()), config.normEps());
        parameters.add(outputNorm.weight());
        parameters.addAll(ofHead.parameters());
        if (config.tiedHead()) {
            head = embedding.layer();
        } else {
            head = Linear.of(initializer.normal(HEAD + WEIGHT, init.standardDeviation(), config.vocab(), config.dim()), null, ofHead);
            parameters.addAll(head.parameters());
        }
    }

    public DecoderConfig config() {
        return config;
    }

    @Override
    public List<Parameter> parameters() {
        return List.copyOf(parameters);
    }

    @Override
    public List<Linear> linears() {
        List<Linear> linears = new ArrayList<>();
        if (!config.tiedHead() && !embedding.layer().quantization().isNone()) {
            linears.add(embedding.layer());
        }
        blocks.forEach(block -> linears.addAll(block.linears()));
        if (!head.quantization().isNone()) {
            linears.add(head);
        }
        return List.copyOf(linears);
    }

    @Override
    public boolean recompute(boolean on) {
        boolean possible = !on || buffers().isEmpty(); // what quantizers keep of their inputs would be of everything twice
        recompute = on && possible;
        return possible;
    }

    /**
     * Logits F32[batch*t][vocab] of the token after each position.
     *
     * @param tokens I32[batch*t]: {@code batch} sequences of {@code t} ids in [0, vocab), one after the other
     * @param t      1 to {@code context}
     */
    public Tensor forward(Tape tape, Tensor tokens, long batch, long t) {
        if (batch < 0 || t <= 0 || t > config.context()) {
            throw new IllegalArgumentException("batch = " + batch + ", t = " + t + ": batch must be >= 0 and t in [1, " + config.context()
                    + "], the context");
        }
        tokens.require("tokens", DType.I32, batch * t);
        Tensor x = embedding.forward(tape, tokens);
        Tensor positions = positions(tape, batch, t);
        boolean keep = tape.observer() != null || (tape.isRecording() && !recompute); // an observer may use what is inside a block
        for (DecoderBlock block : blocks) {
            Tensor input = x;
            x = keep
                    ? block.forward(tape, input, positions, batch, t)
                    : tape.apply(new Recomputed((inner, value) -> block.forward(inner, value, positions, batch, t)), input);
        }
        return head.forward(tape, outputNorm.forward(tape, x));
    }

    /**
     * The cross entropy of the targets in nats, summed and divided by {@code totalTokens}; F64[1].
     *
     * @param targets     I32[batch*t], -1 for positions that do not count
     * @param totalTokens counted positions of the whole step, all micro-batches together
     */
    public Tensor loss(Tape tape, Tensor tokens, Tensor targets, long batch, long t, long totalTokens) {
        if (totalTokens <= 0) {
            throw new IllegalArgumentException("totalTokens = " + totalTokens + " must be > 0");
        }
        return tape.apply(new CrossEntropy(1f / totalTokens), forward(tape, tokens, batch, t), targets);
    }

    private static Tensor positions(Tape tape, long batch, long t) {
        Tensor positions = Tensor.allocate(tape.workspace(), DType.I32, batch * t);
        MemorySegment values = positions.segment();
        for (long i = 0; i < batch * t; i++) {
            values.setAtIndex(ValueLayout.JAVA_INT, i, (int) (i % t));
        }
        return positions;
    }
}
