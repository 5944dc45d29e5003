package org.setun.training.event;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.setun.training.optimizer.QuantizedLayers.CodeChanges;

/**
 * Something that happened during a run. Every event names the run ({@code ternary}, {@code fp32}, ...) and the number of updates done. The
 * components of the records are the fields of the JSON lines that {@link JsonLines} writes, in snake_case.
 */
public sealed interface TrainingEvent {

    /** Which of the models that are trained together. */
    String run();

    /** Steps done, skipped ones included. */
    long step();

    /** The loop is about to begin, from step 0 or where a checkpoint ended. */
    record Started(String run, long step, long maxSteps, long parameters, String backend) implements TrainingEvent {
    }

    /**
     * One update was made.
     *
     * @param loss         mean loss in nats before the update
     * @param gradientNorm global norm before clipping
     * @param samples      samples consumed since the run began
     * @param terms        what each term of the loss came to, weighted; in their order they add up to {@code loss} exactly
     */
    record Step(String run, long step, double loss, double learningRate, double gradientNorm, long samples,
            Map<String, Double> terms) implements TrainingEvent {

        public Step {
            terms = Collections.unmodifiableMap(new LinkedHashMap<>(terms));
        }
    }

    /**
     * Every {@code log_every} steps, and after the last.
     *
     * @param loss           mean over the steps since the last report
     * @param unitsPerSecond tokens or samples per second since the last report, evaluation and saving not counted
     * @param secondsLeft    estimate until the last step
     */
    record Progress(String run, long step, long maxSteps, double loss, double learningRate, double gradientNorm, double unitsPerSecond,
            double secondsLeft, long skipped) implements TrainingEvent {
    }

    /**
     * What the codes of quantized layers did since the last such report; with {@code optimizer.track_codes}.
     *
     * @param layers by name of the weight
     */
    record Codes(String run, long step, Map<String, CodeChanges> layers) implements TrainingEvent {

        public Codes {
            layers = Collections.unmodifiableMap(new LinkedHashMap<>(layers));
        }
    }

    /**
     * The held-out data was evaluated.
     *
     * @param loss   mean loss in nats
     * @param metric what {@code value} measures, for instance {@code bits_per_byte}
     * @param best   no evaluation before was better
     */
    record Evaluated(String run, long step, double loss, String metric, double value, boolean best) implements TrainingEvent {
    }

    /** The model completed a prompt. */
    record Sampled(String run, long step, String prompt, String text) implements TrainingEvent {
    }

    /**
     * A checkpoint is on disk; the loop may have gone on meanwhile.
     *
     * @param step         that was saved
     * @param stallSeconds what the loop waited
     * @param seconds      until all was on disk
     */
    record Saved(String run, long step, Path folder, double stallSeconds, double seconds) implements TrainingEvent {
    }

    /** A step was left out because its loss or gradient was not finite; {@code inRow} such steps followed each other. */
    record Skipped(String run, long step, double loss, double gradientNorm, int inRow) implements TrainingEvent {
    }

    /** The data has been gone through once more: {@code epoch} times in all. */
    record Epoch(String run, long step, long epoch, long samples) implements TrainingEvent {
    }

    /**
     * The run went back to a checkpoint.
     *
     * @param step   of the checkpoint
     * @param from   the step it had come to
     * @param reason what went wrong
     */
    record RolledBack(String run, long step, long from, String reason) implements TrainingEvent {
    }

    /** Something went wrong that the run survived. */
    record Warning(String run, long step, String message) implements TrainingEvent {
    }

    /** The loop has ended; {@code reason} says why. */
    record Finished(String run, long step, String reason, double seconds) implements TrainingEvent {
    }
}
