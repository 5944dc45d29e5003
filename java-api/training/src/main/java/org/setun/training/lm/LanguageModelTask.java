package org.setun.training.lm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Consumer;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.TrainingTask;
import org.setun.training.data.TokenDataset;
import org.setun.training.loss.LossTerm;
import org.setun.training.metric.LanguageMetrics;

/**
 * Predicts the next token. The metric is bits per byte of the held-out text: the loss of all its tokens, end-of-document markers included,
 * over the bytes that they stand for.
 */
public final class LanguageModelTask implements TrainingTask {

    private final Decoder model;
    private final TokenDataset training;
    private final TokenDataset heldOut;
    private final int[] tokenBytes;
    private final int evaluationBatch;
    private final LanguageModelLoss loss;

    /**
     * A task whose loss is the cross-entropy.
     *
     * @param evaluationBatch windows per forward pass of an evaluation
     */
    public LanguageModelTask(Decoder model, TokenDataset training, TokenDataset heldOut, Tokenizer tokenizer, int evaluationBatch) {
        this(model, training, heldOut, tokenizer, evaluationBatch, LanguageModelLoss.plain(model, training));
    }

    LanguageModelTask(Decoder model, TokenDataset training, TokenDataset heldOut, Tokenizer tokenizer, int evaluationBatch,
            LanguageModelLoss loss) {
        if (training.context() > model.config().context() || heldOut.context() > model.config().context()) {
            throw new IllegalArgumentException("windows of " + Math.max(training.context(), heldOut.context())
                    + " tokens, the model's context has " + model.config().context());
        }
        if (tokenizer.vocabSize() > model.config().vocab()) {
            throw new IllegalArgumentException(
                    "vocabulary of " + tokenizer.vocabSize() + " tokens, the model has " + model.config().vocab());
        }
        this.model = model;
        this.training = training;
        this.heldOut = heldOut;
        this.evaluationBatch = evaluationBatch;
        this.loss = loss;
        tokenBytes = new int[tokenizer.vocabSize()];
        for (int id = 0; id < tokenBytes.length; id++) {
            tokenBytes[id] = tokenizer.bytes(id).length;
        }
    }

    @Override
    public Decoder model() {
        return model;
    }

    @Override
    public long unitsPerSample() {
        return training.context();
    }

    @Override
    public long samplesPerEpoch() {
        return training.windows();
    }

    @Override
    public double chanceLoss() {
        return Math.log(model.config().vocab());
    }

    /** The cross-entropy alone. */
    @Override
    public Tensor loss(Tape tape, long first, int count, long units) {
        Tensor[] batch = batch(tape, first, count);
        return model.loss(tape, batch[0], batch[1], count, training.context(), units);
    }

    @Override
    public void beginStep(long step) {
        loss.beginStep(step);
    }

    @Override
    public List<LossTerm> terms(Tape tape, long first, int count, long units) {
        Tensor[] batch = batch(tape, first, count);
        return loss.terms(tape, batch[0], batch[1], first, count, units);
    }

    @Override
    public void penalties(Tape tape, long step, Consumer<LossTerm> each) {
        loss.penalties(tape, step, each);
    }

    /** Ids and targets. */
    private Tensor[] batch(Tape tape, long first, int count) {
        Tensor ids = Tensor.allocate(tape.workspace(), DType.I32, (long) count * training.context());
        Tensor targets = Tensor.allocate(tape.workspace(), DType.I32, (long) count * training.context());
        training.training(first, count, ids.segment(), targets.segment());
        return new Tensor[]{ids, targets};
    }

    @Override
    public Evaluation evaluate(Tape tape, long batches) {
        long windows = heldOut.evaluationWindows();
        long most = batches > 0 ? Math.min(windows, batches * evaluationBatch) : windows;
        double nats = 0;
        long tokens = 0;
        long bytes = 0;
        long stride = windows / most; // a part of the windows is spread over the whole text
        for (long first = 0; first < most; first += evaluationBatch) {
            int count = (int) Math.min(evaluationBatch, most - first);
            long rows = (long) count * heldOut.context();
            Tensor ids = Tensor.allocate(tape.workspace(), DType.I32, rows);
            Tensor targets = Tensor.allocate(tape.workspace(), DType.I32, rows);
            heldOut.evaluation(first * stride, stride, count, ids.segment(), targets.segment());
            MemorySegment wanted = targets.segment();
            for (long i = 0; i < rows; i++) {
                int target = wanted.getAtIndex(ValueLayout.JAVA_INT, i);
                tokens += target < 0 ? 0 : 1;
                bytes += target < 0 ? 0 : tokenBytes[target];
            }
            nats += model.loss(tape, ids, targets, count, heldOut.context(), 1).item();
            tape.reset();
        }
        return new Evaluation(nats / tokens, LanguageMetrics.bitsPerByte(nats, bytes));
    }

    @Override
    public String metric() {
        return "bits_per_byte";
    }

    @Override
    public boolean higherIsBetter() {
        return false;
    }
}
