package org.setun.training.event;

/**
 * Told of every event, in order, on the thread of the loop: a callback. May stop the run; an exception ends it.
 */
@FunctionalInterface
public interface TrainingListener {

    /** What a listener may ask of the loop. */
    interface Control {

        /** Ends the run after the present step; the last state is saved if checkpoints are kept. */
        void stop(String reason);
    }

    void on(TrainingEvent event, Control control);
}
