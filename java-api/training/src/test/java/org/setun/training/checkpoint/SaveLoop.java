package org.setun.training.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Saves checkpoints of some megabytes without end; prints each step once it is on disk. For tests that kill it. */
public final class SaveLoop {

    static final int VALUES = 500_000;

    private SaveLoop() {
    }

    /** Arguments: folder, first step. */
    public static void main(String[] arguments) throws IOException {
        try (CheckpointStore store = CheckpointStore.open(Path.of(arguments[0]), 2, false)) {
            for (long step = Long.parseLong(arguments[1]);; step++) {
                save(store, step);
                System.out.println(step);
            }
        }
    }

    static Path save(CheckpointStore store, long step) throws IOException {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment values = arena.allocate(VALUES * 4L, 64);
            for (long i = 0; i < VALUES; i++) {
                values.setAtIndex(ValueLayout.JAVA_FLOAT, i, step + i);
            }
            NamedTensor weights = new NamedTensor("w", new long[]{VALUES}, values);
            return store.save(state(step, Double.NaN), List.of(weights), List.of(new NamedTensor("w.m", new long[]{VALUES}, values)),
                    Map.of("tokenizer.json", "{}".getBytes()));
        }
    }

    static TrainingState state(long step, double value) {
        List<TrainingState.Evaluation> evaluations = Double.isNaN(value)
                ? List.of()
                : List.of(new TrainingState.Evaluation(step, 0, value));
        return new TrainingState("run", step, step, step * 8, 0, 4, 1.5, 0.25, evaluations, Map.of("guard", Map.of("factor", 0.5)),
                Map.of("model", Map.of("dim", 8)));
    }
}
