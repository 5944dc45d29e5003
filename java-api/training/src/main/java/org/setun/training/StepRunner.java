package org.setun.training;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.setun.kernels.Backend;
import org.setun.kernels.PoolExhaustedException;
import org.setun.kernels.Workspace;
import org.setun.nn.Precision;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.loss.LossTerm;
import org.setun.training.optimizer.Optimizer;

/**
 * One step: the samples of an update run forward and backward in micro-batches, whose gradients add up, then clip and update. A micro-batch
 * that finds no memory is halved and the step begins anew.
 */
final class StepRunner {

    /**
     * What a step was like.
     *
     * @param loss    the sum of {@code terms}, in their order
     * @param updated false if the loss or the gradient was not finite
     * @param terms   what each term of the loss came to, by name
     */
    record Outcome(double loss, double gradientNorm, boolean updated, Map<String, Double> terms) {
    }

    private final TrainingTask task;
    private final Optimizer optimizer;
    private final Workspace workspace;
    private final Backend backend;
    private final Precision precision;
    private final boolean reproducible;
    private int microBatch;
    private boolean recomputes;

    StepRunner(TrainingTask task, Optimizer optimizer, Backend backend, Workspace workspace, Precision precision,
            int microBatch, boolean reproducible) {
        this.task = task;
        this.optimizer = optimizer;
        this.backend = backend;
        this.workspace = workspace;
        this.precision = precision;
        this.microBatch = microBatch;
        this.reproducible = reproducible;
    }

    /**
     * Runs the samples {@code [first, first + count)}.
     *
     * @param step   counted from 1
     * @param begins is called when the step begins, and again when it begins anew
     * @param shrunk is told when the micro-batch had to shrink
     */
    Outcome run(long step, long first, int count, double learningRate, double decayFactor, Runnable begins, Consumer<String> shrunk) {
        Map<String, Double> terms = gradients(step, first, count, begins, shrunk);
        double loss = terms.values().stream().reduce(0.0, Double::sum); // in order: the reported terms add up to it exactly
        double norm = optimizer.measure();
        boolean finite = Double.isFinite(loss) && Double.isFinite(norm);
        if (finite) {
            optimizer.update(learningRate, decayFactor);
        }
        return new Outcome(loss, norm, finite, terms);
    }

    /** A micro-batch that finds no memory is halved; one sample alone is run with recomputation, if the model can. */
    private Map<String, Double> gradients(long step, long first, int count, Runnable begins, Consumer<String> shrunk) {
        Tape tape = Tape.recording(backend, workspace, precision);
        while (true) {
            try {
                begins.run();
                task.model().clearGradients();
                Map<String, Double> sums = new LinkedHashMap<>();
                for (int done = 0; done < count; done += microBatch) {
                    List<LossTerm> terms = task.terms(tape, first + done, Math.min(microBatch, count - done),
                            count * task.unitsPerSample());
                    terms.forEach(term -> sums.merge(term.name(), term.sum(), Double::sum));
                    backward(tape, terms);
                }
                task.penalties(tape, step, term -> {
                    sums.merge(term.name(), term.sum(), Double::sum);
                    backward(tape, List.of(term));
                });
                return sums;
            } catch (PoolExhaustedException e) {
                tape.reset();
                if (microBatch > 1 && !reproducible) {
                    microBatch = (microBatch + 1) / 2;
                    shrunk.accept("memory ran out, going on with micro-batches of " + microBatch + ": " + e.getMessage());
                } else if (!recomputes && task.model().recompute(true)) {
                    recomputes = true;
                    shrunk.accept("memory ran out, going on with blocks that are computed twice: " + e.getMessage());
                } else if (reproducible) {
                    throw new TrainingException("no memory for a micro-batch of " + microBatch + ", and training.reproducible allows no"
                            + " smaller one, whose sums round otherwise: lower training.batch_size and raise accumulation_steps, or give"
                            + " more memory: " + e.getMessage(), e);
                } else {
                    throw new TrainingException("no memory for a micro-batch of one sample: " + e.getMessage(), e);
                }
            }
        }
    }

    private static void backward(Tape tape, List<LossTerm> terms) {
        List<Tensor> values = terms.stream().flatMap(term -> term.values().stream()).toList();
        Tensor one = Tensor.of(tape.workspace(), new float[]{1}, 1);
        tape.backward(values, Collections.nCopies(values.size(), one));
        tape.reset();
    }

    int microBatch() {
        return microBatch;
    }

    void microBatch(int samples) {
        microBatch = samples;
    }
}
