package org.setun.training.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Predicate;

/** A store on a device that fails at some actions, for tests of other packages. */
public final class FailingStore {

    private FailingStore() {
    }

    /** As {@link CheckpointStore#open}, failing before each action that {@code fails} names. */
    public static CheckpointStore open(Path folder, boolean higherIsBetter, Predicate<String> fails) throws IOException {
        return CheckpointStore.open(folder, 1, higherIsBetter, action -> {
            if (fails.test(action)) {
                throw new IOException("Input/output error");
            }
        });
    }
}
