package org.setun.training.callback;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.setun.training.TrainingException;
import org.setun.training.config.Guard;
import org.setun.training.event.TrainingEvent;

/**
 * Watches for runs that go wrong: too many steps in a row whose loss or gradient is not finite, or losses far above those of the start. It takes the run
 * back to the last checkpoint from before that and lowers the learning rate; after {@code guard.max_rollbacks} times it ends the run.
 */
public final class NanGuard implements TrainingCallback {

    private final Guard settings;
    private final int maxSkipped;
    private final double chance;
    private final List<Double> recent = new ArrayList<>();
    private double first = Double.NaN;
    private int inRow;
    private int rollbacks;
    private double factor = 1;

    /**
     * A guard.
     *
     * @param maxSkipped steps in a row that may be not finite, less one
     * @param chance     loss of a model that knows nothing; 0 if there is no such number
     */
    public NanGuard(Guard settings, int maxSkipped, double chance) {
        this.settings = settings;
        this.maxSkipped = maxSkipped;
        this.chance = chance;
    }

    @Override
    public void beforeStep(StepPlan plan, Control control) {
        plan.learningRate(factor * plan.learningRate());
    }

    @Override
    public void afterStep(StepResult result, Control control) {
        if (!result.updated()) {
            inRow++;
            if (inRow >= maxSkipped) {
                act(result.step(), inRow, "the loss (" + result.loss() + ") or the gradient norm (" + result.gradientNorm()
                        + ") was not finite in " + inRow + " steps in a row", control);
            }
            return;
        }
        inRow = 0;
        first = Double.isNaN(first) ? result.loss() : first;
        recent.add(result.loss());
        if (recent.size() > settings.window()) {
            recent.removeFirst();
        }
        double mean = recent.stream().mapToDouble(Double::doubleValue).average().orElse(0);
        double start = Math.max(first, chance);
        if (settings.divergence() > 0 && recent.size() == settings.window() && mean > settings.divergence() * start) {
            act(result.step(), settings.window(), String.format(Locale.ROOT,
                    "the run diverges: the mean loss of %d steps is %.4g, a model that has learned nothing has %.4g (guard.divergence = %s)",
                    settings.window(), mean, start, settings.divergence()), control);
        }
    }

    private void act(long step, int bad, String what, Control control) {
        String remedy = "lower schedule.learning_rate or check the data";
        if (rollbacks >= settings.maxRollbacks()) {
            throw new TrainingException("step " + step + ": " + what
                    + (rollbacks == 0 ? "" : ", after going back " + rollbacks + " times (guard.max_rollbacks)") + "; " + remedy);
        }
        control.rollBack(step - bad, what + "; " + remedy);
    }

    @Override
    public void on(TrainingEvent event, Control control) {
        if (event instanceof TrainingEvent.RolledBack) {
            rollbacks++;
            factor *= settings.lrFactor();
            recent.clear();
            inRow = 0;
        }
        TrainingCallback.super.on(event, control);
    }

    @Override
    public String name() {
        return "guard";
    }

    @Override
    public Map<String, Double> state() {
        Map<String, Double> state = new LinkedHashMap<>();
        state.put("rollbacks", (double) rollbacks);
        state.put("factor", factor);
        state.put("first", first);
        state.put("in_row", (double) inRow);
        for (int i = 0; i < recent.size(); i++) {
            state.put("loss_" + i, recent.get(i));
        }
        return state;
    }

    /** How often the run went back and by how much the rate was lowered is kept if it is more than {@code state} knows: going back does not undo it. */
    @Override
    public void restore(Map<String, Double> state) {
        rollbacks = Math.max(rollbacks, state.getOrDefault("rollbacks", 0.0).intValue());
        factor = Math.min(factor, state.getOrDefault("factor", 1.0));
        first = state.getOrDefault("first", Double.NaN);
        inRow = state.getOrDefault("in_row", 0.0).intValue();
        recent.clear();
        for (int i = 0; i < settings.window() && state.containsKey("loss_" + i); i++) {
            recent.add(state.get("loss_" + i));
        }
    }
}
