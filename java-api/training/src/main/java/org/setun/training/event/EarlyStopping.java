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
            remember(evaluated.loss());
            if (waited >= patience) {
                control.stop("no better evaluation in " + patience + ": the best loss is " + best);
            }
        }
    }

    /** Counts an evaluation without stopping: those from before a resume. */
    public void remember(double loss) {
        if (loss < best - minDelta) {
            best = loss;
            waited = 0;
        } else {
            waited++;
        }
    }
}
