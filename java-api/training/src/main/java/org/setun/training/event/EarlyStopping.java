package org.setun.training.event;

/** Stops after {@code patience} evaluations in a row that did not lower the loss by more than {@code minDelta}. */
public final class EarlyStopping implements TrainingListener {

    private final int patience;
    private final double minDelta;
    private double best = Double.POSITIVE_INFINITY;
    private int waited;

    public EarlyStopping(int patience, double minDelta) {
        if (patience < 1 || !(minDelta >= 0)) {
            throw new IllegalArgumentException("patience: " + patience + ", minDelta: " + minDelta + ", must be at least 1 and 0");
        }
        this.patience = patience;
        this.minDelta = minDelta;
    }

    @Override
    public void on(TrainingEvent event, Control control) {
        if (event instanceof TrainingEvent.Evaluated evaluated) {
            if (evaluated.loss() < best - minDelta) {
                best = evaluated.loss();
                waited = 0;
            } else if (++waited >= patience) {
                control.stop("no better evaluation in " + patience + ": the best loss is " + best);
            }
        }
    }
}
