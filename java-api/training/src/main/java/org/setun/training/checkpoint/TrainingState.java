package org.setun.training.checkpoint;

import java.util.List;
import java.util.Map;

/**
 * The numbers of a run that are not tensors.
 *
 * @param run         its name
 * @param step        steps done, skipped ones included
 * @param updates     updates of the optimizer: its t
 * @param samples     samples consumed: the state of the data order
 * @param skipped     steps without an update
 * @param microBatch  samples per forward pass, which may have shrunk under memory pressure
 * @param seconds     time spent so far
 * @param loss        mean loss of the last step
 * @param evaluations all evaluations so far
 * @param memory      what schedules and callbacks remember, by their names
 * @param config      the configuration, by section and key
 */
public record TrainingState(String run, long step, long updates, long samples, long skipped, int microBatch, double seconds, double loss,
        List<Evaluation> evaluations, Map<String, Map<String, Double>> memory, Map<String, Map<String, Object>> config) {

    /**
     * Whether weights still have more bits than they are trained for, because {@code progressive.kind = "bit_width"} has not come to its end:
     * a state to go on from, not one to measure or to export.
     */
    public boolean hasMoreBits() {
        return hasMoreBits(config);
    }

    /** As {@link #hasMoreBits()}, if the run went on with another configuration, by section and key. */
    public boolean hasMoreBits(Map<String, Map<String, Object>> other) {
        Map<String, Object> progressive = other.getOrDefault("progressive", Map.of());
        double ahead = memory.getOrDefault("progressive", Map.of()).getOrDefault("ahead", 0.0);
        return "bit_width".equals(progressive.get("kind")) && progressive.get("end_step") instanceof Number end
                && step + ahead < end.doubleValue();
    }

    /** One evaluation. */
    public record Evaluation(long step, double loss, double value) {
    }
}
