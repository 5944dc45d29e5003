package org.setun.training.event;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Told of every event, in order, on the thread of the loop. May stop the run; an exception ends it. A
 * {@link org.setun.training.callback.TrainingCallback} also takes part.
 */
@FunctionalInterface
public interface TrainingListener {

    /** What a listener may ask of the loop. The loop does it when the present step, with its evaluation, is over. */
    interface Control {

        /** Ends the run; the last state is saved if checkpoints are kept. */
        void stop(String reason);

        /** Saves the state, if checkpoints are kept. */
        default void save() {
        }

        /**
         * Goes back to the newest checkpoint that is not newer than {@code step}; later ones are deleted. The order of the data goes on, so that what
         * led there does not come again. The run ends with an error if there is no such checkpoint.
         */
        default void rollBack(long step, String reason) {
            stop(reason);
        }

        /** Has a {@link TrainingEvent.Warning} follow the present event: something to know that need not end the run. */
        default void warn(String message) {
        }

        /** The newest checkpoint of this run that is on disk, null if there is none. */
        default @Nullable Path lastCheckpoint() {
            return null;
        }
    }

    void on(TrainingEvent event, Control control);
}
