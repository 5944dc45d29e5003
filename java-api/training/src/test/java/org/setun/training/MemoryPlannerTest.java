package org.setun.training;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.nn.Model;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** A prediction computes nothing, so values in its memory may be anything. */
class MemoryPlannerTest {

    /** A task whose losses read as NaN. */
    private record Undefined(BlobTask task) implements TrainingTask {

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
            Tensor loss = task.loss(tape, first, count, units);
            loss.segment().set(JAVA_DOUBLE, 0, Double.NaN);
            return loss;
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

    @Test
    void valuesThatMeanNothingAreNoReasonToGiveUp() throws IOException {
        TrainingConfig config = ConfigReader.override(TrainingConfig.defaults(), List.of("training.max_skipped_steps=1",
                "training.batch_size=8", "training.memory_limit_mb=100"));
        try (Backend backend = Backends.open()) {
            MemoryPlanner planner = new MemoryPlanner(backend, (trial, memory, microBatch) -> new Undefined(new BlobTask(memory, 1)));
            MemoryPlanner.Plan plan = planner.plan(config);
            assertThat(plan.microBatch()).isEqualTo(8);
            assertThat(plan.bytes()).isPositive();
            assertThatHeldBytesCount(planner, config, plan);
        }
    }

    private static void assertThatHeldBytesCount(MemoryPlanner planner, TrainingConfig config, MemoryPlanner.Plan plan)
            throws IOException {
        assertThat(planner.plan(config, 100_000_000 - plan.bytes()).microBatch()).isEqualTo(8);
        assertThatThrownBy(() -> planner.plan(config, 100_000_001 - planner.predict(config, 1, false)))
                .hasMessageContaining("models trained before hold");
    }
}
