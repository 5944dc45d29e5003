package org.setun.cli;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.setun.training.event.JsonLines;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;

/** Shows a training run: a progress bar with loss, speed and time left, or every event as a line of JSON. */
final class TrainingProgress implements TrainingListener, AutoCloseable {

    private final boolean json;
    private @Nullable ProgressLine line;
    private String heldOut = "";

    TrainingProgress(boolean json) {
        this.json = json;
    }

    @Override
    public void on(TrainingEvent event, Control control) {
        if (json) {
            System.out.println(Json.line(JsonLines.fields(event)));
            return;
        }
        switch (event) {
            case TrainingEvent.Started started -> {
                close();
                heldOut = "";
                line = new ProgressLine(started.run(), "steps", started.maxSteps());
            }
            case TrainingEvent.Progress progress -> show(progress);
            case TrainingEvent.Evaluated evaluated -> heldOut = String.format(Locale.ROOT, ", held out %.3f %s", evaluated.value(),
                    evaluated.metric().replace('_', ' '));
            case TrainingEvent.Finished finished -> close();
            default -> {
                // the console log of the run says the rest
            }
        }
    }

    private void show(TrainingEvent.Progress progress) {
        if (line != null) {
            line.at(progress.step(),
                    String.format(Locale.ROOT, "loss %.3f, %,.0f tok/s%s", progress.loss(), progress.unitsPerSecond(), heldOut));
        }
    }

    @Override
    public void close() {
        if (line != null) {
            line.close();
            line = null;
        }
    }
}
