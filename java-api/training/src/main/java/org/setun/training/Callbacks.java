package org.setun.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.setun.training.callback.TrainingCallback;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;

/**
 * Who listens to a run, and what they have asked for. The loop's own callbacks plan a step before those of the user, who may so change their plans; events
 * reach the user's first, who so see also the one that ends a run.
 */
final class Callbacks implements TrainingListener.Control {

    /** A wish to go back. */
    record Rollback(long step, String reason) {
    }

    private final List<TrainingListener> listeners;
    private final List<TrainingCallback> callbacks = new ArrayList<>();
    private @Nullable String stopReason;
    private @Nullable Rollback rollback;
    private @Nullable Path lastCheckpoint;
    private final List<String> warnings = new ArrayList<>();
    private boolean isSaveWanted;

    Callbacks(List<TrainingListener> users, List<TrainingCallback> own) {
        listeners = new ArrayList<>(users);
        listeners.addAll(own);
        callbacks.addAll(own);
        users.forEach(listener -> {
            if (listener instanceof TrainingCallback callback) {
                callbacks.add(callback);
            }
        });
        requireNames();
    }

    /** Names are the keys of checkpoints; a clash must not wait for the first save. */
    private void requireNames() {
        Set<String> names = new HashSet<>();
        for (TrainingCallback callback : callbacks) {
            if (!callback.name().isEmpty() && !names.add(callback.name())) {
                throw new IllegalArgumentException(
                        "two callbacks have the name " + callback.name() + ", by which checkpoints know their state");
            }
        }
    }

    /** Tells everybody; warnings that they gave meanwhile follow, so that all see them after the event. */
    void emit(TrainingEvent event) {
        listeners.forEach(listener -> listener.on(event, this));
        while (!warnings.isEmpty()) {
            TrainingEvent.Warning warning = new TrainingEvent.Warning(event.run(), event.step(), warnings.removeFirst());
            listeners.forEach(listener -> listener.on(warning, this));
        }
    }

    /** Calls a {@code before} method of every callback. */
    void each(BiConsumer<TrainingCallback, TrainingListener.Control> call) {
        callbacks.forEach(callback -> call.accept(callback, this));
    }

    /** What callbacks remember. */
    Map<String, Map<String, Double>> memory() {
        Map<String, Map<String, Double>> memory = new LinkedHashMap<>();
        for (TrainingCallback callback : callbacks) {
            if (!callback.name().isEmpty()) {
                memory.put(callback.name(), Map.copyOf(callback.state()));
            }
        }
        return memory;
    }

    void restore(Map<String, Map<String, Double>> memory) {
        for (TrainingCallback callback : callbacks) {
            Map<String, Double> state = memory.get(callback.name());
            if (state != null) {
                callback.restore(state);
            }
        }
    }

    @Override
    public void stop(String reason) {
        if (stopReason == null) {
            stopReason = reason;
        }
    }

    @Nullable
    String stopReason() {
        return stopReason;
    }

    @Override
    public void save() {
        isSaveWanted = true;
    }

    /** Whether somebody has asked for a checkpoint since the last call. */
    boolean takeSave() {
        boolean wanted = isSaveWanted;
        isSaveWanted = false;
        return wanted;
    }

    @Override
    public void warn(String message) {
        warnings.add(message);
    }

    @Override
    public void rollBack(long step, String reason) {
        if (rollback == null || step < rollback.step()) {
            rollback = new Rollback(step, reason);
        }
    }

    /** The earliest step that somebody has asked to go back to since the last call. */
    @Nullable
    Rollback takeRollback() {
        Rollback wanted = rollback;
        rollback = null;
        return wanted;
    }

    @Override
    public @Nullable Path lastCheckpoint() {
        return lastCheckpoint;
    }

    void lastCheckpoint(@Nullable Path folder) {
        lastCheckpoint = folder;
    }
}
