package org.setun.training.config;

import java.util.List;
import org.setun.kernels.NnOps.Divergence;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.NnOps.Rope;
import org.setun.nn.Precision;
import org.setun.quant.Granularity;
import org.setun.quant.qat.ScaleRule;
import org.setun.training.schedule.Schedules.Shape;

/**
 * Everything that a training run is told, one record per section of the TOML file. Every key has a default; {@link ConfigReader} reads,
 * checks and overrides, {@link ConfigWriter} writes back what was read. Immutable.
 */
public record TrainingConfig(Model model, Data data, Tokenizer tokenizer, Training training, Optimizer optimizer, Schedule schedule,
        Quantization quantization, ActivationConfig activations, Progressive progressive, Loss loss, Distillation distillation,
        Curriculum curriculum, Guard guard,
        Checkpoint checkpoint, Logging logging) {

    /** Shape of the decoder. */
    public record Model(
            @Setting(value = "width of the residual stream", min = 1, max = 1 << 20) int dim,
            @Setting(value = "transformer blocks", min = 1, max = 1024) int layers,
            @Setting(value = "attention heads", min = 1, max = 4096) int heads,
            @Setting(value = "key/value heads; divides heads", min = 1, max = 4096) int kvHeads,
            @Setting(value = "width of a head; 0 = dim / heads", min = 0, max = 4096) int headDim,
            @Setting(value = "width of the feed-forward layer", min = 1, max = 1 << 24) int ffn,
            @Setting(value = "tokens that a position can see", min = 2, max = 1 << 24) int context,
            @Setting("gate activation") Glu activation,
            @Setting("norms before the output and down projections (BitNet b1.58 2B4T)") boolean subNorms,
            @Setting("which pairs the rotary embedding rotates") Rope rope,
            @Setting(value = "base of the rotary embedding", min = 1) double ropeTheta,
            @Setting(value = "epsilon of the norms", min = 0, max = 1) double normEps,
            @Setting("the output head is the embedding table") boolean tiedHead,
            @Setting("biases of the query, key and value projections (Qwen 2)") boolean qkvBias,
            @Setting("norms of each query and key head (Qwen 3)") boolean headNorms,
            @Setting("model to start from: GGUF, safetensors, llama2.c, a checkpoint or the folder of a run; it gives all keys of [model] but context, and the tokenizer") String start) {

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
            @Setting(value = "seed of the choice of files and of the split", min = -1e17, max = 1e17) long splitSeed,
            @Setting("what to evaluate on, as paths; empty = the share held_out of paths") List<String> heldOutPaths) {
    }

    /** Where the tokenizer comes from. */
    public record Tokenizer(
            @Setting("a tokenizer.json, llama2.c's tokenizer.bin or a GGUF file to take the tokenizer from; empty = that of model.start, or train a byte-level BPE on the corpus") String file,
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
            @Setting("keep only the input of each block for the backward pass and compute the rest a second time: less memory, the same bits") boolean recompute,
            @Setting(value = "most memory for parameters, gradients, optimizer state and activations, in MB: micro-batches shrink and blocks are recomputed to keep it; 0 = no limit", min = 0, max = 1e9) long memoryLimitMb,
            @Setting(value = "give up after this many steps in a row whose gradient is not finite", min = 1) int maxSkippedSteps,
            @Setting("what the model completes at each evaluation; empty = nothing") String samplePrompt,
            @Setting(value = "tokens of that completion", min = 1) int sampleTokens,
            @Setting(value = "passes over the training text, from which max_steps follows; 0 = as max_steps says", min = 0, max = 1e6) double epochs,
            @Setting(value = "train changes of this rank in the place of matrices (LoRA), with a model.start; 0 = the matrices themselves", min = 0, max = 65536) int loraRank,
            @Setting(value = "what such a change is multiplied by, times its rank", min = 1e-6, max = 1e6) double loraAlpha,
            @Setting("let nothing but the configuration decide about bits: where memory is too short for a micro-batch the run ends") boolean reproducible) {
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
        MUON,
        /** arXiv 1804.04235: second moments of rows and columns alone. */
        ADAFACTOR,
        /** arXiv 2110.02861: AdamW with moments of 8 bits. */
        ADAMW8BIT
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
            @Setting("decay the embedding and the head too") boolean decayEmbeddings,
            @Setting("keep the state in a file in checkpoint.folder (or that for temporary files) which is paged in and out") boolean paged,
            @Setting(value = "largest latent weight of a quantized layer, in outermost levels; 0 = no limit", min = 0, max = 1000) double latentClip,
            @Setting("learning rates by name, PATTERN=FACTOR with * for anything; the first that fits counts") List<String> layerLr,
            @Setting(value = "factor of the learning rate of learned scales", min = 0, max = 1000) double scaleLrFactor,
            @Setting("count changes and oscillations of the codes of quantized layers; reported every log_every steps") boolean trackCodes,
            @Setting(value = "share of oscillating steps from which a weight freezes, at the start; 0 = none freezes", min = 0, max = 1) double freezeThreshold,
            @Setting(value = "the same at the end of the schedule", min = 0, max = 1) double freezeThresholdEnd,
            @Setting(value = "momentum of that share, and of the average code at which a weight freezes", min = 0, max = 1) double freezeMomentum) {
    }

    /** Which schedule. */
    public enum ScheduleKind {
        CONSTANT, LINEAR, COSINE,
        /** Warm-up, constant, and a decay over the last {@code decay_share} of the steps. */
        WSD,
        /** Constant, until evaluations stop getting better: then less, by {@code plateau_factor}. */
        PLATEAU,
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
            @Setting(value = "two_stage: rate at the start of the second half", min = 0, max = 100) double secondStagePeak,
            @Setting(value = "wsd: share of the steps in which the rate falls", min = 0.001, max = 1) double decayShare,
            @Setting("wsd: how it falls") Shape decayShape,
            @Setting(value = "plateau: what multiplies the rate", min = 0.001, max = 0.999) double plateauFactor,
            @Setting(value = "plateau: after this many evaluations without a better one", min = 1, max = 1000000) int plateauPatience,
            @Setting(value = "plateau: how much lower a loss counts as better", min = 0) double plateauDelta,
            @Setting(value = "last step with weight decay; 0 = as the schedule has it", min = 0) long weightDecaySteps) {
    }

    /** How linear layers hold their weights. */
    public enum WeightQuantizer {
        /** Absmean ternary weights: BitNet b1.58. */
        TERNARY,
        /** Levels at equal distances, with the estimator and the scales of the other keys. */
        UNIFORM,
        /** What a storage format keeps of them: the key {@code format}. */
        FORMAT,
        /** Full precision. */
        NONE
    }

    /** How linear layers round their inputs. */
    public enum ActivationQuantizer {
        /** 8 bits, scaled to the largest magnitude of each token. */
        INT8,
        /** The same after a Hadamard transform. */
        HADAMARD_INT8,
        /** 4 bits, scaled to the mean magnitude of each token. */
        INT4,
        /** BitNet a4.8: 4 bits, but 8 for the output projection, which sees the largest values alone, and for the down projection. */
        BITNET_A48,
        /** BitNet v2: 8 bits, behind a Hadamard transform for the output and the down projection. */
        BITNET_V2,
        /** BitNet v2, second stage: the same with 4 bits. */
        BITNET_V2_INT4,
        /** As {@code [activations]} says. */
        UNIFORM,
        /** Full precision. */
        NONE
    }

    /** Which levels {@code bits} gives: see {@link org.setun.kernels.QuantLevels}. */
    public enum LevelKind {
        SIGNED, SYMMETRIC, MID_RISE, STRETCHED
    }

    /** Gradients of rounding: see {@link org.setun.kernels.Estimator}. */
    public enum EstimatorKind {
        IDENTITY, CLIPPED, LSQ, EWGS, EWGS_ABS, RESTE, SOFT, DSQ, GUMBEL
    }

    /** What is quantized, and how. */
    public record Quantization(
            @Setting("quantizer of q, k, v, output, gate, up and down: ternary (BitNet b1.58), uniform (as the keys below say), format (what a file of that format keeps), none") WeightQuantizer weights,
            @Setting("how the inputs of these layers are rounded; not with weights = none") ActivationQuantizer activations,
            @Setting(value = "uniform: 1, 1.58 (ternary), 2 to 8", min = 1, max = 8) double bits,
            @Setting("uniform: which levels; stretched = SEQ of ParetoQ, 1.58 or 2 bits") LevelKind levels,
            @Setting("uniform: gradient of rounding") EstimatorKind estimator,
            @Setting(value = "uniform: delta of ewgs, order of reste, temperature of soft and gumbel, alpha of dsq; 0 = the usual one", min = 0, max = 100) double estimatorParameter,
            @Setting(value = "uniform: clipped, lsq, reste: gradient ends at this many scales; 0 = at the outermost levels", min = 0, max = 100) double estimatorLimit,
            @Setting("uniform: how a scale follows from its weights, or starts if it is learned") ScaleRule scale,
            @Setting("uniform: train the scales (LSQ)") boolean learnedScale,
            @Setting("uniform: train an offset beside each scale (LSQ+)") boolean learnedOffset,
            @Setting("uniform: what shares a scale") Granularity granularity,
            @Setting("format: a format of setun quantize, such as q4_0, pi-q2 or pi-tan3:K=14") String format,
            @Setting("layers of their own, PATTERN=QUANTIZER with * for anything; the first that fits counts: bits (uniform), ternary, none, or a format") List<String> layers,
            @Setting(value = "uniform: bits per weight of the blocks on average, at least 2; each layer that layers does not name gets 2 to 8 by its sensitivity; 0 = bits for all", min = 0, max = 8) double averageBits,
            @Setting(value = "quantizer of the embedding: none, bits, ternary, or a format; with model.tied_head the head's", numbers = true) String embedding,
            @Setting(value = "quantizer of the head: none, bits, ternary, or a format", numbers = true) String head) {

        /** The items of {@link #layers}. */
        public List<LayerPattern> patterns() {
            return layers.stream()
                    .map(item -> LayerPattern.parse(item).orElseThrow(() -> new ConfigException("quantization.layers = \"" + item
                            + "\": must be PATTERN=QUANTIZER, for example \"*ffn_down=4\"")))
                    .toList();
        }
    }

    /** How weights become quantized in the course of training. */
    public enum ProgressiveKind {
        /** They are from the first step on. */
        NONE,
        /** {@code w + mix (quantized w - w)}, mix from 0 to 1. */
        MIX,
        /** Smooth estimators sharpen: their temperature falls. */
        SOFT_TO_HARD,
        /** One layer after another, from the first. */
        LAYER_WISE,
        /** One transformer block after another, from the first. */
        BLOCK_WISE,
        /** Ever more rows of every weight. */
        CHANNEL_WISE,
        /** A bit less at a time, from {@code start_bits}. */
        BIT_WIDTH
    }

    /** When a stage is over before its time. */
    public enum ProgressiveCompletion {
        /** Never: steps alone count. */
        STEPS,
        /** When the mean training loss of {@code patience} steps is not lower than that of those before by a share of {@code threshold}. */
        LOSS,
        /** When the relative error of the quantized weights is at most {@code threshold}, every {@code patience} steps. */
        ERROR,
        /** When an evaluation's metric has reached {@code threshold}. */
        ACCURACY
    }

    /** The way from start to end. */
    public enum ProgressiveShape {
        LINEAR, COSINE
    }

    /** A schedule of quantization; a function of the step, and of stages that were over early. */
    public record Progressive(
            @Setting("how weights become quantized") ProgressiveKind kind,
            @Setting(value = "last step before it begins", min = 0, max = 1e9) long startStep,
            @Setting(value = "step from which all is quantized", min = 0, max = 1e9) long endStep,
            @Setting("the way from start to end") ProgressiveShape shape,
            @Setting(value = "soft_to_hard: temperature at the start", min = 1e-5, max = 100) double startTemperature,
            @Setting(value = "soft_to_hard: temperature at the end", min = 1e-5, max = 100) double endTemperature,
            @Setting(value = "uniform noise on weights in training, in steps of the levels", min = 0, max = 10) double noise,
            @Setting(value = "share of the blocks of weights that a step quantizes (Quant-Noise)", min = 0, max = 1) double fraction,
            @Setting(value = "weights of such a block, a multiple of 16", min = 16, max = 1048576) int block,
            @Setting(value = "bit_width: bits at the start", min = 2, max = 8) int startBits,
            @Setting("what ends a stage before its time; end_step holds at the latest") ProgressiveCompletion completion,
            @Setting("of completion: share of the loss, relative error, or the metric's value") double threshold,
            @Setting(value = "completion by loss or error: steps between looks", min = 1, max = 1e9) long patience,
            @Setting(value = "stages of equal length from start_step to end_step that can end early", min = 1, max = 1000) int stages) {

        /** True if a step quantizes all weights and adds no noise. */
        public boolean isExact() {
            return noise == 0 && fraction == 1;
        }
    }

    /**
     * What is minimized beside the distance from a teacher. Penalties have a weight each and are means: over the weights that are quantized, over all
     * inputs of linear layers, or over tokens; see {@link org.setun.training.loss.LossTerms}.
     */
    public record Loss(
            @Setting(value = "share of the target distribution that all tokens have", min = 0, max = 0.9) double labelSmoothing,
            @Setting(value = "penalty of the squared gradient of cross-entropy at the logits", min = 0) double gradient,
            @Setting(value = "penalty of the square of the inputs of linear layers", min = 0) double activation,
            @Setting(value = "penalty of their squared change from one position to the next", min = 0) double smoothness,
            @Setting(value = "penalty of the squared error of quantization", min = 0) double quantization,
            @Setting(value = "penalty of the bits that the magnitudes of weights need", min = 0) double bitWidth,
            @Setting(value = "penalty of the magnitude of weights", min = 0) double sparsity,
            @Setting(value = "pull of weights to the middle of their levels, against oscillation", min = 0) double dampening,
            @Setting("let dampening grow from 0 along half a cosine over the steps of the schedule") boolean annealDampening,
            @Setting(value = "penalty of weights near the boundary of two levels", min = 0) double uncertainty) {
    }

    /** A teacher to learn from: {@code alpha * cross-entropy + beta * distillation + gamma * reasoning + hidden * ... + relation * ...}. */
    public record Distillation(
            @Setting("learn from a teacher") boolean enabled,
            @Setting("GGUF, safetensors or llama2.c file, a checkpoint, or the folder of a run; of the same vocabulary") String teacher,
            @Setting("distance of distributions: forward = KL(teacher || student), reverse = KL(student || teacher), jensen") Divergence kind,
            @Setting(value = "of both distributions; the loss is scaled by its square", min = 0.01, max = 1000) double temperature,
            @Setting(value = "weight of cross-entropy", min = 0) double alpha,
            @Setting(value = "weight of the distance of distributions", min = 0) double beta,
            @Setting(value = "weight of the same at temperature 1 as a mean over the lines of each window: reasoning steps", min = 0) double gamma,
            @Setting(value = "weight of the squared error of hidden states behind block layer", min = 0) double hidden,
            @Setting(value = "weight of the distance of the relations of queries, keys and values in block layer (BitDistill)", min = 0) double relation,
            @Setting(value = "parts that queries, keys and values are cut into for that", min = 1) int relationHeads,
            @Setting(value = "block of the student; below 0 from the end; the teacher's has the same relative depth", min = -1000, max = 1000) int layer,
            @Setting(value = "keep the teacher's likeliest tokens of each position in cache_file and do not run it again; 0 = run it at each step", min = 0, max = 1 << 20) int topK,
            @Setting("file for that, inside the data folder of the checkpoint folder unless absolute") String cacheFile) {

        /** The block that {@link #layer} means in a model of {@code blocks}. */
        public int block(int blocks) {
            return layer < 0 ? blocks + layer : layer;
        }

        /** The teacher's block of the same relative depth. */
        public int teacherBlock(int blocks, int teacherBlocks) {
            if (layer < 0 && teacherBlocks + layer >= 0) {
                return teacherBlocks + layer;
            }
            return Math.clamp(Math.round((block(blocks) + 1.0) * teacherBlocks / blocks) - 1, 0, teacherBlocks - 1);
        }
    }

    /** What is kept on disk. */
    public record Checkpoint(
            @Setting("folder for checkpoints; empty = keep none") String folder,
            @Setting(value = "updates between checkpoints; 0 = only at the end", min = 0) long saveEvery,
            @Setting(value = "newest checkpoints to keep, beside the best; 0 = all", min = 0) int saveTotalLimit,
            @Setting("save only when an evaluation was the best so far") boolean saveBestOnly,
            @Setting("write while training goes on, from a copy of weights and optimizer state; without it training waits") boolean background) {
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
            @Setting("JSON lines, one event each, inside the checkpoint folder unless absolute") String eventsFile,
            @Setting("folder for TensorBoard's event files, inside the checkpoint folder unless absolute; empty = none") String tensorboard) {
    }

    /** Begins a configuration in code. */
    public static ConfigBuilder builder() {
        return new ConfigBuilder();
    }

    /** The values of keys that a file does not mention. */
    public static TrainingConfig defaults() {
        return new TrainingConfig(
                new Model(256, 4, 4, 4, 0, 768, 256, Glu.SILU, true, Rope.HALVES, 10_000, 1e-5, true, false, false, ""),
                new Data(List.of(), "**", 0.05, 0, InvalidUtf8.SKIP, 0, List.of()),
                new Tokenizer("", 4096, 0),
                new Training(42, 16, 1, 1000, 0, 500, 100, 100, 0, 0, false, Precision.FP32, false, false, 0, 10, "", 48, 0, 0, 16, false),
                new Optimizer(OptimizerKind.ADAMW, 0.95, false, 0.9, 0.95, 1e-8, 0.1, 1.0, false, false, false, 0, List.of(), 1, false, 0,
                        0,
                        0.01),
                new Schedule(ScheduleKind.COSINE, 1e-3, 1e-6, 100, 0, 0, 0, 0.2, Shape.SQRT, 0.5, 3, 0, 0),
                new Quantization(WeightQuantizer.TERNARY, ActivationQuantizer.INT8, 2, LevelKind.SIGNED, EstimatorKind.LSQ, 0, 0,
                        ScaleRule.LSQ, true, false,
                        Granularity.CHANNEL, "q4_0", List.of(), 0, "none", "none"),
                ActivationConfig.defaults(),
                new Progressive(ProgressiveKind.NONE, 0, 0, ProgressiveShape.COSINE, 1, 0.05, 0, 1, 32, 8, ProgressiveCompletion.STEPS,
                        0.01, 50, 4),
                new Loss(0, 0, 0, 0, 0, 0, 0, 0, true, 0),
                new Distillation(false, "", Divergence.FORWARD, 4, 1, 0.5, 0, 0, 0, 1, -1, 0, "teacher.topk"),
                Curriculum.defaults(),
                Guard.defaults(),
                new Checkpoint("", 1000, 5, false, true),
                new Logging(LogLevel.INFO, true, "events.jsonl", ""));
    }

    /** The step at which the schedule ends. */
    public long scheduleSteps() {
        return schedule.totalSteps() > 0 ? schedule.totalSteps() : training.maxSteps();
    }

    /** Whether the number of steps is known only when the text is. */
    boolean isOpenEnded() {
        return training.epochs > 0 && schedule.totalSteps() == 0;
    }

    /** False if a term of the loss looks into the blocks. */
    public boolean allowsRecomputation() {
        boolean taught = distillation.enabled && (distillation.hidden > 0 || distillation.relation > 0);
        return loss.activation == 0 && loss.smoothness == 0 && !taught;
    }

    /** The same, once what involves more than one key is checked. */
    TrainingConfig validated() {
        return ConfigChecks.checked(this);
    }
}
