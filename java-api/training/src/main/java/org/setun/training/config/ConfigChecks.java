package org.setun.training.config;

import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.setun.kernels.NnOps.Divergence;
import org.setun.quant.Granularity;
import org.setun.training.config.TrainingConfig.Checkpoint;
import org.setun.training.config.TrainingConfig.Distillation;
import org.setun.training.config.TrainingConfig.EstimatorKind;
import org.setun.training.config.TrainingConfig.LevelKind;
import org.setun.training.config.TrainingConfig.Loss;
import org.setun.training.config.TrainingConfig.Model;
import org.setun.training.config.TrainingConfig.Optimizer;
import org.setun.training.config.TrainingConfig.OptimizerKind;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveCompletion;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.config.TrainingConfig.Quantization;
import org.setun.training.config.TrainingConfig.Schedule;
import org.setun.training.config.TrainingConfig.ScheduleKind;
import org.setun.training.config.TrainingConfig.Training;
import org.setun.training.config.TrainingConfig.WeightQuantizer;

/** What involves more than one key: combinations that cannot work are refused with the key, its value and what would. */
final class ConfigChecks {

    private static final List<String> BLOCK = List.of("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down");

    /** More than the matrices of the deepest model. */
    private static final int MAX_PATTERNS = 10_000;

    private final TrainingConfig config;
    private final Model model;
    private final Training training;
    private final Optimizer optimizer;
    private final Schedule schedule;
    private final Quantization quantization;
    private final ActivationConfig activations;
    private final Progressive progressive;
    private final Curriculum curriculum;
    private final Loss loss;
    private final Distillation distillation;
    private final Checkpoint checkpoint;

    private ConfigChecks(TrainingConfig config) {
        this.config = config;
        model = config.model();
        training = config.training();
        optimizer = config.optimizer();
        schedule = config.schedule();
        quantization = config.quantization();
        activations = config.activations();
        progressive = config.progressive();
        curriculum = config.curriculum();
        loss = config.loss();
        distillation = config.distillation();
        checkpoint = config.checkpoint();
    }

    /**
     * Returns {@code config} if its keys fit together.
     *
     * @throws ConfigException naming the first that does not
     */
    static TrainingConfig checked(TrainingConfig config) {
        ConfigChecks checks = new ConfigChecks(config);
        checks.model();
        checks.schedule();
        checks.training();
        checks.quantization();
        checks.progressive();
        checks.distillation();
        return config;
    }

    private void model() {
        require(model.heads() % model.kvHeads() == 0, "model.kv_heads", model.kvHeads(), "must divide model.heads = " + model.heads());
        require(model.headDim() > 0 || model.dim() % model.heads() == 0, "model.heads", model.heads(),
                "must divide model.dim = " + model.dim() + ", or set model.head_dim");
        require(model.resolvedHeadDim() % 2 == 0, "model.head_dim", model.resolvedHeadDim(), "must be even for the rotary embedding");
    }

    private void schedule() {
        require(schedule.warmupSteps() <= config.scheduleSteps() || config.isOpenEnded(), "schedule.warmup_steps", schedule.warmupSteps(),
                "must not exceed the schedule's " + config.scheduleSteps() + " steps");
        require(schedule.kind() != ScheduleKind.TWO_STAGE || schedule.warmupSteps() <= config.scheduleSteps() / 2 || config.isOpenEnded(),
                "schedule.warmup_steps",
                schedule.warmupSteps(), "must end in the first half of the schedule's " + config.scheduleSteps() + " steps");
        require(schedule.kind() != ScheduleKind.PLATEAU || training.evalEvery() > 0, "schedule.kind", "plateau",
                "needs evaluations: set training.eval_every");
        long decay = Math.max(1, Math.round(schedule.decayShare() * config.scheduleSteps()));
        require(schedule.kind() != ScheduleKind.WSD || schedule.warmupSteps() + decay <= config.scheduleSteps() || config.isOpenEnded(),
                "schedule.warmup_steps",
                schedule.warmupSteps(),
                "must end before the last " + decay + " of " + config.scheduleSteps() + " steps, in which the rate falls:"
                        + " lower it or schedule.decay_share");
    }

    private void training() {
        require(!training.reproducible() || training.maxSeconds() == 0, "training.max_seconds", training.maxSeconds(),
                "with training.reproducible the clock may not decide where a run ends: set training.max_steps");
        require(!optimizer.nesterov() || optimizer.kind() == OptimizerKind.SGD && optimizer.momentum() > 0, "optimizer.nesterov", true,
                "needs optimizer.kind = \"sgd\" and optimizer.momentum above 0");
        require(optimizer.freezeThresholdEnd() <= optimizer.freezeThreshold(), "optimizer.freeze_threshold_end",
                optimizer.freezeThresholdEnd(),
                "must not exceed optimizer.freeze_threshold = " + optimizer.freezeThreshold());
        require(training.loraRank() == 0 || !model.start().isEmpty(), "training.lora_rank", training.loraRank(),
                "a change of low rank needs weights to change: name a model.start, or set 0");
        require(training.loraRank() == 0 || optimizer.latentClip() == 0 && optimizer.freezeThreshold() == 0, "training.lora_rank",
                training.loraRank(), "the matrices follow from their factors: set optimizer.latent_clip and freeze_threshold to 0");
        require(!checkpoint.saveBestOnly() || training.evalEvery() > 0, "checkpoint.save_best_only", true,
                "needs evaluations: set training.eval_every");
        require(!training.recompute() || config.allowsRecomputation(), "training.recompute", true,
                "terms that look into blocks need what they compute; set loss.activation, loss.smoothness, distillation.hidden and relation to 0");
        require(curriculum.startContext() == 0 || model.context() % curriculum.startContext() == 0, "curriculum.start_context",
                curriculum.startContext(), "must divide model.context = " + model.context());
        require(curriculum.startContext() == 0 || curriculum.contextSteps() > 0, "curriculum.context_steps", 0,
                "say by which step sequences have model.context tokens");
        require(curriculum.startShare() == 1 || curriculum.shareSteps() > 0, "curriculum.share_steps", 0,
                "say from which step all windows are drawn");
    }

    private void quantization() {
        require(!quantization.learnedOffset() || quantization.learnedScale(), "quantization.learned_offset", true,
                "needs quantization.learned_scale = true");
        require(!quantization.learnedOffset() || loss.uncertainty() == 0, "loss.uncertainty", loss.uncertainty(),
                "does not know the boundaries between levels with learned offsets; set quantization.learned_offset = false");
        activations.validate(quantization.activations());
        require(quantization.layers().size() <= MAX_PATTERNS, "quantization.layers", quantization.layers().size() + " items",
                "must be at most " + MAX_PATTERNS);
        quantization.patterns().forEach(pattern -> pattern.requireMatch("quantization.layers", blockWeights()));
        require(quantization.weights() != WeightQuantizer.NONE || quantization.layers().isEmpty() && quantization.embedding().equals("none")
                && quantization.head().equals("none"), "quantization.weights", "none",
                "no layer is quantized then; take quantization.layers, embedding and head out, or set other weights and layers = [\"*=none\", ...]");
        require(quantization.averageBits() == 0 || quantization.weights() == WeightQuantizer.UNIFORM && quantization.averageBits() >= 2,
                "quantization.average_bits", quantization.averageBits(),
                "needs quantization.weights = \"uniform\", and is at least 2 or 0 for none");
        require(!model.tiedHead() || quantization.embedding().equals(quantization.head()), "quantization.embedding",
                quantization.embedding(),
                "with model.tied_head embedding and head are one matrix; set quantization.head to the same");
        require(quantization.averageBits() == 0 || quantization.levels() != LevelKind.STRETCHED, "quantization.average_bits",
                quantization.averageBits(),
                "stretched levels are of 1.58 or 2 bits, and layers get up to 8; set other quantization.levels");
        new WeightQuantizers(config).check();
    }

    private void progressive() {
        require(progressive.kind() == ProgressiveKind.NONE || progressive.endStep() > progressive.startStep(), "progressive.end_step",
                progressive.endStep(), "must be above progressive.start_step = " + progressive.startStep());
        require(progressive.kind() == ProgressiveKind.NONE || progressive.endStep() <= training.maxSteps() || training.epochs() > 0,
                "progressive.end_step",
                progressive.endStep(),
                "must not exceed training.max_steps = " + training.maxSteps() + ", or the model ends half quantized");
        require(progressive.kind() != ProgressiveKind.SOFT_TO_HARD || quantization.weights() == WeightQuantizer.UNIFORM
                && (quantization.estimator() == EstimatorKind.SOFT || quantization.estimator() == EstimatorKind.GUMBEL
                        || quantization.estimator() == EstimatorKind.DSQ),
                "progressive.kind", "soft_to_hard",
                "needs quantization.weights = \"uniform\" and estimator = \"soft\", \"dsq\" or \"gumbel\"");
        require(progressive.kind() == ProgressiveKind.NONE || quantization.weights() != WeightQuantizer.FORMAT, "progressive.kind",
                progressive.kind().toString().toLowerCase(Locale.ROOT), "formats have no levels to go to; needs quantization.weights ="
                        + " \"ternary\" or \"uniform\"");
        require(progressive.block() % 16 == 0, "progressive.block", progressive.block(), "must be a multiple of 16");
        kinds();
    }

    private void kinds() {
        require(progressive.kind() != ProgressiveKind.CHANNEL_WISE
                || progressive.isExact() && (quantization.weights() == WeightQuantizer.TERNARY
                        || quantization.granularity() != Granularity.BLOCK && quantization.estimator() != EstimatorKind.GUMBEL),
                "progressive.kind", "channel_wise",
                "chooses rows by the same random numbers as noise, fraction and estimator = \"gumbel\", and whole rows need"
                        + " quantization.granularity = \"tensor\" or \"channel\"");
        boolean manyLevels = progressive.startBits() > 4 && (quantization.estimator() == EstimatorKind.SOFT
                || quantization.estimator() == EstimatorKind.DSQ || quantization.estimator() == EstimatorKind.GUMBEL);
        require(progressive.kind() != ProgressiveKind.BIT_WIDTH || quantization.weights() == WeightQuantizer.UNIFORM
                && quantization.levels() != LevelKind.STRETCHED && !manyLevels, "progressive.kind", "bit_width",
                "needs quantization.weights = \"uniform\", levels that are not \"stretched\", and progressive.start_bits of at most 4 with a"
                        + " smooth estimator");
        require(progressive.kind() != ProgressiveKind.BIT_WIDTH || progressive.startBits() > quantization.bits(), "progressive.start_bits",
                progressive.startBits(), "must be above quantization.bits = " + quantization.bits());
        require(progressive.kind() != ProgressiveKind.BIT_WIDTH || optimizer.latentClip() == 0 && !optimizer.trackCodes()
                && optimizer.freezeThreshold() == 0, "progressive.kind", "bit_width",
                "codes change their meaning on the way: switch optimizer.latent_clip, track_codes and freeze_threshold off");
        require(progressive.kind() == ProgressiveKind.NONE || progressive.completion() != ProgressiveCompletion.ACCURACY
                || training.evalEvery() > 0, "progressive.completion", "accuracy", "needs evaluations: set training.eval_every");
    }

    private void distillation() {
        if (!distillation.enabled()) {
            return;
        }
        require(!distillation.teacher().isEmpty(), "distillation.teacher", "\"\"",
                "name a model to learn from, or set distillation.enabled = false");
        require(distillation.beta() > 0 || distillation.gamma() > 0 || distillation.hidden() > 0 || distillation.relation() > 0,
                "distillation.beta", distillation.beta(),
                "nothing is learned from the teacher: set beta, gamma, hidden or relation above 0");
        require(distillation.block(model.layers()) >= 0 && distillation.block(model.layers()) < model.layers(), "distillation.layer",
                distillation.layer(),
                "must be in [" + -model.layers() + ", " + (model.layers() - 1) + "] with model.layers = " + model.layers());
        if (distillation.topK() > 0) {
            require(distillation.kind() == Divergence.FORWARD, "distillation.kind", distillation.kind().toString().toLowerCase(Locale.ROOT),
                    "with top_k only \"forward\" is known; set top_k = 0 to run the teacher");
            require(distillation.hidden() == 0 && distillation.relation() == 0, "distillation.top_k", distillation.topK(),
                    "hidden and relation need the teacher itself; set top_k = 0");
            require(distillation.gamma() == 0 || distillation.temperature() == 1, "distillation.gamma", distillation.gamma(),
                    "with top_k the probabilities are of one temperature, and reasoning is at 1; set temperature = 1 or top_k = 0");
            require(!distillation.cacheFile().isEmpty(), "distillation.cache_file", "\"\"", "name a file for the teacher's probabilities");
        }
    }

    /** The names of the matrices of all blocks. */
    private List<String> blockWeights() {
        return IntStream.range(0, model.layers()).boxed().flatMap(i -> BLOCK.stream().map(name -> "blk." + i + "." + name + ".weight"))
                .toList();
    }

    static void require(boolean holds, String key, Object value, String allowed) {
        if (!holds) {
            throw new ConfigException(key + " = " + value + ": " + allowed);
        }
    }
}
