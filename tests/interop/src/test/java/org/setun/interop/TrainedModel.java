package org.setun.interop;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.setun.formats.tokenizer.BpeTokenizer;
import org.setun.formats.tokenizer.BpeTrainer;
import org.setun.formats.tokenizer.PreTokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.testsupport.TestData;
import org.setun.training.config.TrainingConfig;
import org.setun.training.optimizer.Optimizer;

/**
 * A small decoder that was trained on Shakespeare for a minute.
 *
 * @param heldOut text that it has not seen
 * @param loss of the last steps, nats per token
 */
record TrainedModel(Decoder decoder, BpeTokenizer tokenizer, String heldOut, double loss) {

    private static final int VOCAB = 512;
    private static final int STEPS = 300;
    private static final int BATCH = 8;
    private static final int LENGTH = 64;

    static DecoderConfig config(boolean subNorms, boolean tied) {
        return new DecoderConfig(VOCAB, 256, 2, 4, 2, 64, 512, 128, NnOps.Glu.SILU, subNorms, NnOps.Rope.HALVES, 10_000, 1e-5f, tied);
    }

    static TrainedModel train(DecoderConfig config, Quantization quantization, Backend backend, MemoryPool memory) throws IOException {
        String text = Files.readString(TestData.require("text/tinyshakespeare/input.txt"));
        int split = text.length() * 9 / 10;
        BpeTokenizer tokenizer = new BpeTrainer(VOCAB, PreTokenizer.GPT_2, List.of("<|endoftext|>")).add(text.substring(0, split)).train();
        int[] ids = tokenizer.encode(text.substring(0, split), false);
        Decoder decoder = new Decoder(config, quantization, memory, DecoderInit.seeded(1));
        Optimizer optimizer = new Optimizer(backend, memory, decoder.parameters(),
                TrainingConfig.defaults().optimizer());
        SplittableRandom random = new SplittableRandom(3);
        double loss = 0;
        try (Workspace workspace = new Workspace(backend)) {
            Tape tape = Tape.recording(backend, workspace);
            for (int step = 0; step < STEPS; step++) {
                double last = step(decoder, tape, ids, random);
                loss = step < STEPS - 20 ? 0 : loss + last / 20;
                optimizer.measure();
                optimizer.update(4e-3 * Math.min(1, (step + 1) / 20.0) * (1 - 0.9 * step / STEPS), 1);
            }
        }
        return new TrainedModel(decoder, tokenizer, text.substring(split), loss);
    }

    private static double step(Decoder decoder, Tape tape, int[] ids, SplittableRandom random) {
        int[] inputs = new int[BATCH * LENGTH];
        int[] targets = new int[BATCH * LENGTH];
        for (int row = 0; row < BATCH; row++) {
            int from = random.nextInt(ids.length - LENGTH);
            System.arraycopy(ids, from, inputs, row * LENGTH, LENGTH);
            System.arraycopy(ids, from + 1, targets, row * LENGTH, LENGTH);
        }
        decoder.clearGradients();
        Tensor loss = decoder.loss(tape, Tensor.of(tape.workspace(), inputs, inputs.length),
                Tensor.of(tape.workspace(), targets, targets.length), BATCH,
                LENGTH, inputs.length);
        double value = loss.item();
        tape.backward(loss);
        tape.reset();
        return value;
    }

    /** The first {@code count} held-out tokens. */
    int[] heldOutTokens(int count) {
        return Arrays.copyOf(tokenizer.encode(heldOut, false), count);
    }
}
