package org.setun.cli.study.qat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Workspace;
import org.setun.nn.BitLinear;
import org.setun.nn.Decoder;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.nn.Parameter;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.TrainingTask;
import org.setun.training.lm.LanguageModelTask;
import org.setun.training.loss.LossTerm;

/**
 * A task that looks at the gradients of its model's linear layers before each update. Beside a quantized model, a second one of full precision
 * is given the same latent weights and windows in each step, so that the two gradients differ by the rounding and its estimator alone.
 */
final class GradientProbe implements TrainingTask {

    /**
     * What a step was like.
     *
     * @param norm   of the gradient of all linear layers
     * @param cosine between it and that of the model of full precision; 1 without one
     */
    record Step(double norm, double cosine) {
    }

    private final LanguageModelTask task;
    private final @Nullable LanguageModelTask exact;
    private final Workspace workspace;
    private final List<Step> steps = new ArrayList<>();
    private boolean begun;

    /**
     * A probe of {@code task}.
     *
     * @param exact     the same task with a decoder of full precision, whose weights are overwritten; null to look at norms alone
     * @param workspace for the passes of {@code exact}
     */
    GradientProbe(LanguageModelTask task, @Nullable LanguageModelTask exact, Workspace workspace) {
        this.task = task;
        this.exact = exact;
        this.workspace = workspace;
    }

    List<Step> steps() {
        return steps;
    }

    @Override
    public Model model() {
        return task.model();
    }

    @Override
    public long unitsPerSample() {
        return task.unitsPerSample();
    }

    @Override
    public Tensor loss(Tape tape, long first, int count, long units) {
        return task.loss(tape, first, count, units);
    }

    @Override
    public List<LossTerm> terms(Tape tape, long first, int count, long units) {
        if (exact != null) {
            if (!begun) {
                begun = true;
                Decoder decoder = exact.model();
                decoder.parameters().forEach(p -> p.load(task.model().parameter(p.name()).value().segment()));
                decoder.clearGradients();
            }
            Tape own = Tape.recording(tape.backend(), workspace, tape.precision());
            own.backward(exact.loss(own, first, count, units));
            own.reset();
        }
        return task.terms(tape, first, count, units);
    }

    /** Comes once per step, when the gradients of all its micro-batches have been added up. */
    @Override
    public void penalties(Tape tape, long step, Consumer<LossTerm> each) {
        task.penalties(tape, step, each);
        begun = false;
        double squares = 0;
        double exactSquares = 0;
        double products = 0;
        for (Linear layer : task.model().linears()) {
            float[] gradient = layer.weight().gradient().toArray();
            float[] wanted = exact != null && layer instanceof BitLinear ? exactGradient(exact, layer) : gradient;
            for (int i = 0; i < gradient.length; i++) {
                squares += (double) gradient[i] * gradient[i];
                exactSquares += (double) wanted[i] * wanted[i];
                products += (double) gradient[i] * wanted[i];
            }
        }
        steps.add(new Step(Math.sqrt(squares), products / Math.sqrt(squares * exactSquares)));
    }

    private static float[] exactGradient(LanguageModelTask exact, Linear layer) {
        Parameter weight = exact.model().parameter(layer.weight().name());
        return weight.gradient().toArray();
    }

    @Override
    public Evaluation evaluate(Tape tape, long batches) {
        return task.evaluate(tape, batches);
    }

    @Override
    public String metric() {
        return task.metric();
    }

    @Override
    public boolean higherIsBetter() {
        return task.higherIsBetter();
    }
}
