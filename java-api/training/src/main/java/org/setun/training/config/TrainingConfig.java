package org.setun.training.config;

import java.util.List;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.NnOps.Rope;
import org.setun.nn.Precision;

/**
 * Everything that a training run is told, one record per section of the TOML file. Every key has a default; {@link ConfigReader} reads,
 * checks and overrides, {@link ConfigWriter} writes back what was read. Immutable.
 */
public record TrainingConfig(Model model, Data data, Tokenizer tokenizer, Training training, Optimizer optimizer, Schedule schedule,
        Quantization quantization, Checkpoint checkpoint, Logging logging) {

    /** Shape of the decoder. */
    public record Model(
            @Setting(value = "width of the residual stream", min = 1) int dim,
            @Setting(value = "transformer blocks", min = 1) int layers,
            @Setting(value = "attention heads", min = 1) int heads,
            @Setting(value = "key/value heads; divides heads", min = 1) int kvHeads,
            @Setting(value = "width of a head; 0 = dim / heads", min = 0) int headDim,
            @Setting(value = "width of the feed-forward layer", min = 1) int ffn,
            @Setting(value = "tokens that a position can see", min = 2) int context,
            @Setting("gate activation") Glu activation,
            @Setting("norms before the output and down projections (BitNet b1.58 2B4T)") boolean subNorms,
            @Setting("which pairs the rotary embedding rotates") Rope rope,
            @Setting(value = "base of the rotary embedding", min = 1) double ropeTheta,
            @Setting(value = "epsilon of the norms", min = 0, max = 1) double normEps,
            @Setting("the output head is the embedding table") boolean tiedHead) {

        /** {@link #headDim} with 0 resolved. */
        public int resolvedHeadDim() {
            return headDim > 0 ? headDim : dim / heads;
        }
    }

    /** What to do with a document that is not UTF-8. */
    public enum InvalidUtf8 {
        /** Leave the document out and count it. */
        SKIP,
        /** Put U+FFFD where bytes are malformed. */
        REPLACE,
        /** Stop with an error that names the document. */
        ERROR
    }

    /** Where the text comes from. */
    public record Data(
            @Setting("files, folders and zip files, relative to the working directory") List<String> paths,
            @Setting("which files of folders and zips, e.g. **.java") String glob,
            @Setting(value = "share of the bytes that is held out for evaluation", min = 0.0001, max = 0.5) double heldOut,
            @Setting(value = "read at most this many bytes; 0 = all", min = 0) long maxBytes,
            @Setting("documents that are not UTF-8") InvalidUtf8 invalidUtf8,
            @Setting(value = "seed of the choice of files and of the split", min = -1e17, max = 1e17) long splitSeed) {
    }

    /** Where the tokenizer comes from. */
    public record Tokenizer(
            @Setting("a tokenizer.json to use; empty = train a byte-level BPE on the corpus") String file,
            @Setting(value = "entries of a trained vocabulary", min = 257, max = 1 << 20) int vocabSize,
            @Setting(value = "bytes of the training text that the BPE is trained on; 0 = all", min = 0) long trainBytes) {
    }

    /** The loop. */
    public record Training(
            @Setting(value = "seed of initial weights and of the order of the windows", min = -1e17, max = 1e17) long seed,
            @Setting(value = "windows per micro-batch", min = 1) int batchSize,
            @Setting(value = "micro-batches per update", min = 1) int accumulationSteps,
            @Setting(value = "updates", min = 1, max = 1e9) long maxSteps,
            @Setting(value = "stop after this many seconds; 0 = no limit", min = 0) double maxSeconds,
            @Setting(value = "updates between evaluations; 0 = only at the end", min = 0) long evalEvery,
            @Setting(value = "batches per evaluation; 0 = the whole held-out text", min = 0) long evalSteps,
            @Setting(value = "updates between progress reports", min = 1) long logEvery,
            @Setting(value = "stop after this many evaluations without a better one; 0 = never", min = 0) int patience,
            @Setting(value = "how much lower counts as better", min = 0) double minDelta,
            @Setting("also train a full-precision twin on the same batches") boolean twin,
            @Setting("operands of matrix products: fp32, or bf16 with fp32 sums where weights are fp32, in attention and in backward") Precision precision,
            @Setting("run one window at a time and accumulate: less memory for activations, the same update") boolean memoryEfficient,
            @Setting(value = "give up after this many steps in a row whose gradient is not finite", min = 1) int maxSkippedSteps,
            @Setting("what the model completes at each evaluation; empty = nothing") String samplePrompt,
            @Setting(value = "tokens of that completion", min = 1) int sampleTokens) {
    }

    /** Which optimizer. */
    public enum OptimizerKind {
        /** arXiv 1711.05101. */
        ADAMW,
        /** arXiv 1412.6980, with weight decay as part of the gradient. */
        ADAM,
        /** arXiv 1904.00962: AdamW's step scaled to the norm of each tensor. */
        LAMB,
        /** Gradient descent with momentum. */
        SGD,
        /** arXiv 2302.06675. */
        LION,
        /** Orthogonalized momentum for matrices between layers, AdamW for all else. */
        MUON
    }

    /** How gradients change parameters. */
    public record Optimizer(
            @Setting("which optimizer") OptimizerKind kind,
            @Setting(value = "sgd, muon: decay of the velocity", min = 0, max = 0.999999) double momentum,
            @Setting("sgd: Nesterov's momentum") boolean nesterov,
            @Setting(value = "decay of the first moment", min = 0, max = 0.999999) double beta1,
            @Setting(value = "decay of the second moment", min = 0, max = 0.9999999) double beta2,
            @Setting(value = "added to the root of the second moment", min = 0, max = 1) double eps,
            @Setting(value = "weight decay: decoupled, except of sgd and adam", min = 0, max = 10) double weightDecay,
            @Setting(value = "largest global norm of the gradient; 0 = no clipping", min = 0) double clipNorm,
            @Setting("decay norm weights and biases too") boolean decayNorms,
            @Setting("decay the embedding and the head too") boolean decayEmbeddings) {
    }

    /** Which schedule. */
    public enum ScheduleKind {
        CONSTANT, LINEAR, COSINE,
        /** The two stages of BitNet b1.58, with weight decay off in the second. */
        TWO_STAGE
    }

    /** Learning rate over the steps; see {@link org.setun.training.schedule.Schedules}. */
    public record Schedule(
            @Setting("form of the schedule") ScheduleKind kind,
            @Setting(value = "peak learning rate", min = 0, max = 100) double learningRate,
            @Setting(value = "learning rate of the last step", min = 0, max = 100) double minLearningRate,
            @Setting(value = "steps of linear warm-up", min = 0) long warmupSteps,
            @Setting(value = "step at which the schedule ends; 0 = training.max_steps", min = 0) long totalSteps,
            @Setting(value = "two_stage: rate at the end of the first half", min = 0, max = 100) double firstStageEnd,
            @Setting(value = "two_stage: rate at the start of the second half", min = 0, max = 100) double secondStagePeak) {
    }

    /** How linear layers hold their weights. */
    public enum WeightQuantizer {
        /** Absmean ternary weights and 8-bit activations: BitNet b1.58. */
        TERNARY,
        /** Full precision. */
        NONE
    }

    /** Which weights are quantized, and how. */
    public record Quantization(@Setting("quantizer of q, k, v, output, gate, up and down") WeightQuantizer weights) {
    }

    /** What is kept on disk. */
    public record Checkpoint(
            @Setting("folder for checkpoints; empty = keep none") String folder,
            @Setting(value = "updates between checkpoints; 0 = only at the end", min = 0) long saveEvery,
            @Setting(value = "newest checkpoints to keep, beside the best; 0 = all", min = 0) int saveTotalLimit,
            @Setting("save only when an evaluation was the best so far") boolean saveBestOnly) {
    }

    /** How much the console says. */
    public enum LogLevel {
        /** Every event. */
        DEBUG,
        /** Progress, evaluations, checkpoints, warnings. */
        INFO,
        /** Skipped steps and failures. */
        WARN,
        /** Nothing. */
        OFF
    }

    /** What is reported where. */
    public record Logging(
            @Setting("how much the console says") LogLevel logLevel,
            @Setting("write every event to events_file") boolean monitoringEnabled,
            @Setting("JSON lines, one event each, inside the checkpoint folder unless absolute") String eventsFile) {
    }

    /** The values of keys that a file does not mention. */
    public static TrainingConfig defaults() {
        return new TrainingConfig(
                new Model(256, 4, 4, 4, 0, 768, 256, Glu.SILU, true, Rope.HALVES, 10_000, 1e-5, true),
                new Data(List.of(), "**", 0.05, 0, InvalidUtf8.SKIP, 0),
                new Tokenizer("", 4096, 0),
                new Training(42, 16, 1, 1000, 0, 500, 100, 100, 0, 0, false, Precision.FP32, false, 10, "", 48),
                new Optimizer(OptimizerKind.ADAMW, 0.95, false, 0.9, 0.95, 1e-8, 0.1, 1.0, false, false),
                new Schedule(ScheduleKind.COSINE, 1e-3, 1e-6, 100, 0, 0, 0),
                new Quantization(WeightQuantizer.TERNARY),
                new Checkpoint("", 1000, 5, false),
                new Logging(LogLevel.INFO, true, "events.jsonl"));
    }

    /** The step at which the schedule ends. */
    public long scheduleSteps() {
        return schedule.totalSteps() > 0 ? schedule.totalSteps() : training.maxSteps();
    }

    /** Checks what involves more than one key. */
    TrainingConfig validated() {
        require(model.heads % model.kvHeads == 0, "model.kv_heads", model.kvHeads, "must divide model.heads = " + model.heads);
        require(model.headDim > 0 || model.dim % model.heads == 0, "model.heads", model.heads,
                "must divide model.dim = " + model.dim + ", or set model.head_dim");
        require(model.resolvedHeadDim() % 2 == 0, "model.head_dim", model.resolvedHeadDim(), "must be even for the rotary embedding");
        require(schedule.warmupSteps <= scheduleSteps(), "schedule.warmup_steps", schedule.warmupSteps,
                "must not exceed the schedule's " + scheduleSteps() + " steps");
        require(schedule.kind != ScheduleKind.TWO_STAGE || schedule.warmupSteps <= scheduleSteps() / 2, "schedule.warmup_steps",
                schedule.warmupSteps, "must end in the first half of the schedule's " + scheduleSteps() + " steps");
        require(!optimizer.nesterov || optimizer.kind == OptimizerKind.SGD && optimizer.momentum > 0, "optimizer.nesterov", true,
                "needs optimizer.kind = \"sgd\" and optimizer.momentum above 0");
        require(!checkpoint.saveBestOnly || training.evalEvery > 0, "checkpoint.save_best_only", true,
                "needs evaluations: set training.eval_every");
        return this;
    }

    private static void require(boolean holds, String key, Object value, String allowed) {
        if (!holds) {
            throw new ConfigException(key + " = " + value + ": " + allowed);
        }
    }
}
