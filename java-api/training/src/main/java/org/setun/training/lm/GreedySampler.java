package org.setun.training.lm;

import java.util.Arrays;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.Workspace;
import org.setun.nn.Decoder;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.Trainer;

/**
 * Completes a prompt with the most likely token each time, on the training graph itself: no packed copy of the weights is needed, and a short
 * sample costs little although every token runs the whole window. For real use there is the inference module.
 */
final class GreedySampler implements Trainer.Sampler {

    private final Backend backend;
    private final Workspace workspace;
    private final Decoder decoder;
    private final Tokenizer tokenizer;

    GreedySampler(Backend backend, Workspace workspace, Decoder decoder, Tokenizer tokenizer) {
        this.backend = backend;
        this.workspace = workspace;
        this.decoder = decoder;
        this.tokenizer = tokenizer;
    }

    @Override
    public String complete(String prompt, int tokens) {
        int[] start = tokenizer.encode(prompt, false);
        int[] ids = Arrays.copyOf(start, start.length + tokens);
        int length = start.length;
        while (length > 0 && length < ids.length) {
            int next = next(Arrays.copyOfRange(ids, Math.max(0, length - decoder.config().context()), length));
            if (next == tokenizer.eos()) {
                break;
            }
            ids[length++] = next;
        }
        return tokenizer.decode(Arrays.copyOfRange(ids, start.length, length));
    }

    private int next(int[] window) {
        Tape tape = Tape.evaluating(backend, workspace);
        Tensor logits = decoder.forward(tape, Tensor.of(workspace, window, window.length), 1, window.length);
        float[] last = logits.slice(window.length - 1, window.length).toArray();
        tape.reset();
        int best = 0;
        for (int id = 1; id < tokenizer.vocabSize(); id++) {
            best = last[id] > last[best] ? id : best;
        }
        return best;
    }
}
