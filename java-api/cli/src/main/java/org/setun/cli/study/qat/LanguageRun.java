package org.setun.cli.study.qat;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import org.setun.training.TrainingResult;
import org.setun.training.TrainingTask;

/**
 * How a run of a language model came out; what {@code results/NAME.json} holds. Figures are NaN if no evaluation gave a number.
 *
 * @param arm                which model
 * @param learningRate       peak of the schedule
 * @param seed               of the first weights and of the order of the windows
 * @param steps              done, of those that were asked for
 * @param tokens             seen in them
 * @param parameters         of the model, embeddings included
 * @param bestStep           of the evaluation with the lowest loss among those of the wholly quantized model; the figures are of its checkpoint
 * @param loss               nats per token on the whole held-out text
 * @param bitsPerByte        on the same
 * @param wordPerplexity     nats of the same over its words, of which the end of a line is one
 * @param curve              all evaluations on the way, each on the same part of the held-out text
 * @param seconds            in the loop, from before an interruption too
 * @param stopReason         why the loop ended; the message of the failure if it failed
 * @param backend            what it ran on
 */
public record LanguageRun(String arm, double learningRate, long seed, long steps, long tokens, long parameters, long bestStep, double loss,
        double bitsPerByte, double wordPerplexity, List<Evaluation> curve, double seconds, String stopReason, String backend) {

    /** One evaluation on the way. */
    public record Evaluation(long step, double loss, double bitsPerByte) {
    }

    /** What the figures of a text are reckoned with. */
    record HeldOutText(long predictedTokens, long words) {

        double wordPerplexity(double lossPerToken) {
            return Math.exp(lossPerToken * predictedTokens / words);
        }
    }

    /** What was asked for. */
    record Plan(String arm, double learningRate, long seed, long tokensPerStep, long quantizedFrom) {

        String name() {
            return String.format(Locale.ROOT, "%s-rate%s-seed%d", arm, number(learningRate), seed);
        }

        static String number(double value) {
            String text = String.format(Locale.ROOT, "%.6f", value);
            return text.replaceAll("0+$", "").replaceAll("\\.$", "");
        }
    }

    /**
     * A run that came to its end.
     *
     * @param bestStep what {@link #bestStep(List, long)} has found
     * @param whole    the whole held-out text by the checkpoint of that step
     */
    static LanguageRun of(Plan plan, TrainingResult result, long bestStep, TrainingTask.Evaluation whole, HeldOutText text, long parameters,
            String backend) {
        return new LanguageRun(plan.arm, plan.learningRate, plan.seed, result.steps(), result.steps() * plan.tokensPerStep, parameters,
                bestStep, whole.loss(), whole.value(), text.wordPerplexity(whole.loss()), curve(result), result.seconds(),
                result.stopReason(), backend);
    }

    /** A run that ended with an error, or without a number. */
    static LanguageRun failed(Plan plan, String message, String backend) {
        return new LanguageRun(plan.arm, plan.learningRate, plan.seed, 0, 0, 0, 0, Double.NaN, Double.NaN, Double.NaN, List.of(), 0,
                message, backend);
    }

    static List<Evaluation> curve(TrainingResult result) {
        return result.evaluations().stream().map(p -> new Evaluation(p.step(), p.loss(), p.value())).toList();
    }

    /** The step of the evaluation with the lowest loss from step {@code from} on; empty if none is a number. */
    static OptionalLong bestStep(List<Evaluation> curve, long from) {
        return curve.stream().filter(e -> e.step >= from && !Double.isNaN(e.loss)).min(Comparator.comparingDouble(Evaluation::loss))
                .map(e -> OptionalLong.of(e.step)).orElse(OptionalLong.empty());
    }
}
