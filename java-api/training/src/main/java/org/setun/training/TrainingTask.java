package org.setun.training;

import java.util.List;
import java.util.function.Consumer;
import org.setun.nn.Model;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.loss.LossTerm;

/**
 * What a {@link Trainer} trains: a model with the data for it. Samples are numbered from 0 without end; which data sample {@code s} stands
 * for depends on the seed and {@code s} alone, so one number is the state of the data. One thread.
 */
public interface TrainingTask {

    /** Result of an evaluation: {@code loss} in nats per unit, {@code value} of the metric. */
    record Evaluation(double loss, double value) {
    }

    Model model();

    /** What is counted per sample for speed: {@code context} tokens of a window, 1 image. */
    long unitsPerSample();

    /** Step {@code step}, counted from 1, is about to begin: what the task makes of samples may depend on it. */
    default void beginStep(long step) {
    }

    /** What is wrong with the data, though it can be trained on; reported when a run begins. */
    default List<String> warnings() {
        return List.of();
    }

    /** Samples after which all data was seen once; 0 if it has no end. */
    default long samplesPerEpoch() {
        return 0;
    }

    /** The loss of a model that has learned nothing, for judging whether a run diverges; 0 if there is no such number. */
    default double chanceLoss() {
        return 0;
    }

    /**
     * The loss of the samples {@code [first, first + count)}, F64[1]: the sum over units, divided by {@code units} of the whole step, so that
     * losses and gradients of micro-batches of any size add up.
     */
    Tensor loss(Tape tape, long first, int count, long units);

    /**
     * The parts of {@link #loss}, each with its name, weighted, so that they add up to it; a task with more than one overrides this. All are run
     * backward together.
     */
    default List<LossTerm> terms(Tape tape, long first, int count, long units) {
        return List.of(new LossTerm("loss", loss(tape, first, count, units)));
    }

    /**
     * Terms that do not depend on samples, penalties of weights for instance: once per step {@code step}, counted from 1. Each is given to
     * {@code each}, which runs it backward and resets the tape, before the next is made.
     */
    default void penalties(Tape tape, long step, Consumer<LossTerm> each) {
    }

    /** Evaluates the held-out data on an evaluating tape, at most {@code batches} batches of it; 0 = all. Resets the tape as it likes. */
    Evaluation evaluate(Tape tape, long batches);

    /** The name of the metric, in snake_case. */
    String metric();

    /** Whether a higher value of the metric is better. */
    boolean higherIsBetter();
}
