package org.setun.training.lm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.setun.formats.AtomicFile;
import org.setun.formats.FileTree;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.PoolExhaustedException;
import org.setun.kernels.Workspace;
import org.setun.nn.Decoder;
import org.setun.nn.Linear;
import org.setun.nn.Tape;
import org.setun.quant.qat.Rounding;
import org.setun.training.MemoryPlanner;
import org.setun.training.StopFlag;
import org.setun.training.Trainer;
import org.setun.training.TrainerBuilder;
import org.setun.training.TrainingResult;
import org.setun.training.TrainingTask;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.LayerPattern;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.data.TokenDataset;
import org.setun.training.event.ConsoleLog;
import org.setun.training.event.JsonLines;
import org.setun.training.event.TensorBoardLog;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;
import org.setun.training.metric.ByteNgram;

/**
 * The whole way from a configuration to trained language models: corpus, tokenizer, token files, decoder, loop, checkpoints. Each
 * {@link #train} makes one model; models trained one after the other see the same batches in the same order and start from the same numbers,
 * so a ternary model and its full-precision twin differ in the quantization alone.
 *
 * <p>On disk, under {@code checkpoint.folder} (or a temporary folder if that is empty): {@code data/} with the tokenizer and the tokens, and
 * one folder per run with its checkpoints and events. One thread; close it to free the models.
 */
public final class LanguageModelTraining implements AutoCloseable {

    /** Name of the runs with ternary weights. */
    public static final String TERNARY = "ternary";
    /** Name of the run with weights of equally distant levels. */
    public static final String UNIFORM = "uniform";
    /** Name of the run with weights of a storage format. */
    public static final String FORMAT = "format";
    /** Name of the runs with fp32 weights. */
    public static final String FULL_PRECISION = "fp32";

    private static final String DATA = "data";
    private static final long BYTES_PER_MB = 1_000_000;
    private static final Pattern CHOSEN = Pattern.compile("[^*=]+\\.weight=[2-8]"); // an item of a BitAllocation
    private static final Pattern RUN_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");

    /** What to do with checkpoints that are already there. */
    public enum Resume {
        /** It is an error if there are any. */
        NEW,
        /** Continue with the newest; start anew if there is none. */
        LATEST,
        /** As {@link #LATEST}, but pass over damaged ones. */
        LATEST_USABLE
    }

    /**
     * A model and how it came out.
     *
     * @param model       lives until the training is closed
     * @param bitsPerByte on the whole held-out text; NaN if the run was stopped by its flag
     * @param perplexity  per token, on the same
     * @param result      of the loop
     */
    public record Outcome(Decoder model, double bitsPerByte, double perplexity, TrainingResult result) {
    }

    private TrainingConfig config;
    private final Backend backend;
    private final MemoryPool pool;
    private final Workspace workspace;
    private final Path folder;
    private final boolean temporary;
    private final TokenizedCorpus corpus;
    private final List<TrainingListener> listeners = new ArrayList<>();
    private final TeacherSource teachers;
    private @Nullable StopFlag stopFlag;

    private LanguageModelTraining(TrainingConfig config, Backend backend, Path folder, boolean temporary, TokenizedCorpus corpus) {
        this.config = config;
        this.backend = backend;
        this.folder = folder;
        this.temporary = temporary;
        this.corpus = corpus;
        pool = limitedPool(0);
        workspace = workspace(pool);
        teachers = new TeacherSource(backend, workspace, corpus, folder.resolve(DATA));
    }

    /** A pool of what is left of {@code training.memory_limit_mb}. */
    private MemoryPool limitedPool(long held) {
        long limitMb = config.training().memoryLimitMb();
        return MemoryPool.builder(backend).slabBytes(MemoryPlanner.slabBytes(limitMb))
                .budget(limitMb == 0 ? Long.MAX_VALUE : Math.max(BYTES_PER_MB, limitMb * BYTES_PER_MB - held)).build();
    }

    /** Activations count like everything else in {@code memory} if that is limited. */
    private Workspace workspace(MemoryPool memory) {
        long limitMb = config.training().memoryLimitMb();
        return limitMb == 0 ? new Workspace(backend) : new Workspace(memory, MemoryPlanner.slabBytes(limitMb));
    }

    /** Reads the corpus and makes tokenizer and tokens; the backend stays the caller's. */
    public static LanguageModelTraining open(TrainingConfig config, Backend backend) throws IOException {
        TrainingConfig checked = StartModel.adopt(ConfigReader.check(config));
        boolean temporary = checked.checkpoint().folder().isEmpty();
        Path folder = temporary ? Files.createTempDirectory("setun-train") : Path.of(checked.checkpoint().folder());
        try {
            TokenizedCorpus corpus = TokenizedCorpus.prepare(checked, folder.resolve(DATA));
            try {
                return new LanguageModelTraining(withSteps(checked, corpus), backend, folder, temporary, corpus);
            } catch (RuntimeException e) {
                corpus.close();
                throw e;
            }
        } catch (IOException | RuntimeException e) {
            if (temporary) {
                FileTree.delete(folder);
            }
            throw e;
        }
    }

    /** The configuration with the steps that its passes over the text take. */
    private static TrainingConfig withSteps(TrainingConfig config, TokenizedCorpus corpus) {
        TrainingConfig.Training settings = config.training();
        if (settings.epochs() == 0) {
            return config;
        }
        long windows = new TokenDataset(corpus.training(), config.model().context(), 0).windows();
        double steps = Math.ceil(settings.epochs() * windows / ((double) settings.batchSize() * settings.accumulationSteps()));
        return ConfigReader.override(config, List.of("training.max_steps=" + (long) Math.clamp(steps, 1, 1e9), "training.epochs=0"));
    }

    /** Adds a callback to all later runs. */
    public LanguageModelTraining listener(TrainingListener listener) {
        listeners.add(listener);
        return this;
    }

    /** Lets {@code flag} end runs. */
    public LanguageModelTraining stopFlag(StopFlag flag) {
        stopFlag = flag;
        return this;
    }

    /** Changes configuration keys that do not concern the data for all later runs: {@code training.max_steps=500}. */
    public LanguageModelTraining override(List<String> overrides) {
        config = ConfigReader.override(config, overrides);
        return this;
    }

    public TrainingConfig config() {
        return config;
    }

    public TokenizedCorpus corpus() {
        return corpus;
    }

    public Tokenizer tokenizer() {
        return corpus.tokenizer();
    }

    /** Bits per byte on the whole held-out text of a byte n-gram trained on the same bytes as the models. */
    public double ngramBitsPerByte(int order) throws IOException {
        return ByteNgram.train(order, corpus.corpus().training()).bitsPerByte(corpus.corpus().heldOut());
    }

    /** Seconds that a training step takes, the median of {@code steps} after one for warming up; the model is thrown away. */
    public double secondsPerStep(WeightQuantizer weights, int steps) throws IOException {
        List<Long> times = new ArrayList<>();
        long[] last = {System.nanoTime()};
        List<String> brief = List.of("training.max_steps=" + (steps + 1), "training.eval_every=0", "training.eval_steps=1",
                "schedule.total_steps=" + config.scheduleSteps());
        TrainingConfig trial = ConfigReader.override(config, brief);
        MemoryPlanner.Plan plan = plan(with(weights));
        try (MemoryPool scratch = new MemoryPool(backend)) {
            LanguageModelTask task = task(withBits(with(weights), folder.resolve(name(weights))), scratch, plan.microBatch());
            Trainer.builder(backend, task, plan.applied(trial)).run("trial").microBatch(plan.microBatch()).listener((event, control) -> {
                if (event instanceof TrainingEvent.Step) {
                    long now = System.nanoTime();
                    times.add(now - last[0]);
                    last[0] = now;
                }
            }).build(scratch, workspace).train();
        }
        List<Long> sorted = times.subList(1, times.size()).stream().sorted().toList();
        return sorted.get(sorted.size() / 2) / 1e9;
    }

    private LanguageModelTask task(TrainingConfig run, MemoryPool memory, int evaluationBatch) throws IOException {
        Decoder decoder = run.model().start().isEmpty()
                ? DecoderFactory.decoder(run, tokenizer().vocabSize(), memory, config.training().seed())
                : StartModel.decoder(run, tokenizer().vocabSize(), backend, memory);
        return task(decoder, evaluationBatch);
    }

    private LanguageModelTask task(Decoder decoder, int evaluationBatch) throws IOException {
        int context = config.model().context();
        TokenDataset training = new TokenDataset(corpus.training(), context, config.training().seed());
        TokenDataset heldOut = heldOut(context);
        teachers.open(config);
        LanguageModelLoss loss = new LanguageModelLoss(config, decoder, training, tokenBytes(), teachers.teacher(), teachers.cache());
        return new LanguageModelTask(decoder, training, heldOut, tokenizer(), evaluationBatch, loss);
    }

    private byte[][] tokenBytes() {
        byte[][] bytes = new byte[tokenizer().vocabSize()][];
        Arrays.setAll(bytes, tokenizer()::bytes);
        return bytes;
    }

    /** The folder of a run, inside {@code checkpoint.folder}: {@link #TERNARY}, {@link #UNIFORM},
     * {@link #FORMAT} or {@link #FULL_PRECISION}. */
    public static String name(WeightQuantizer weights) {
        return switch (weights) {
            case TERNARY -> TERNARY;
            case UNIFORM -> UNIFORM;
            case FORMAT -> FORMAT;
            case NONE -> FULL_PRECISION;
        };
    }

    /** The configuration with these weights; nothing is quantized progressively that is not quantized. */
    private TrainingConfig with(WeightQuantizer weights) {
        List<String> keys = new ArrayList<>(List.of("quantization.weights=" + weights.name().toLowerCase(Locale.ROOT)));
        if (weights != WeightQuantizer.UNIFORM) {
            keys.add("quantization.average_bits=0");
        }
        if (weights == WeightQuantizer.NONE) {
            keys.addAll(
                    List.of("progressive.kind=none", "quantization.layers=[]", "quantization.embedding=none", "quantization.head=none"));
        }
        return ConfigReader.override(config, keys);
    }

    /**
     * The configuration with {@code quantization.average_bits} spread over the layers by their sensitivity, after those that {@code quantization.layers}
     * names itself. Measured on the first model and the first windows of the training order; a run that goes on keeps the bits that it began with, which
     * another machine could measure in another way.
     */
    private TrainingConfig withBits(TrainingConfig run, Path runFolder) throws IOException {
        if (run.quantization().averageBits() == 0) {
            return run;
        }
        List<String> items = new ArrayList<>(run.quantization().layers());
        Optional<List<String>> before = temporary ? Optional.empty() : bitsOf(runFolder, items);
        if (before.isPresent()) {
            items = before.get();
        } else {
            items.addAll(allocation(run.quantization().averageBits()).items());
        }
        return ConfigReader.override(run, List.of("quantization.layers="
                + items.stream().map(item -> '"' + item + '"').collect(Collectors.joining(", ", "[", "]"))));
    }

    /** The layers of the run in {@code runFolder}, if it has a checkpoint and began with {@code named}, followed by what was chosen. */
    private static Optional<List<String>> bitsOf(Path runFolder, List<String> named) throws IOException {
        Optional<Checkpoint> latest = CheckpointStore.latest(runFolder, true);
        if (latest.isEmpty()) {
            return Optional.empty();
        }
        List<String> layers = ConfigReader.fromMap(latest.get().folder().toString(), latest.get().state().config()).quantization().layers();
        boolean same = layers.size() >= named.size() && layers.subList(0, named.size()).equals(named)
                && layers.subList(named.size(), layers.size()).stream().allMatch(CHOSEN.asMatchPredicate());
        return same ? Optional.of(layers) : Optional.empty();
    }

    /** Bits for the layers that {@code quantization.layers} does not name. */
    BitAllocation allocation(double average) throws IOException {
        List<LayerPattern> named = config.quantization().patterns();
        boolean limited = config.training().memoryLimitMb() > 0;
        try (MemoryPool scratch = limitedPool(reservedBytes()); Workspace own = workspace(scratch)) {
            LanguageModelTask task = task(with(WeightQuantizer.NONE), scratch, 1);
            task.model().recompute(limited);
            List<Linear> free = task.model().linears().stream()
                    .filter(layer -> named.stream().noneMatch(pattern -> pattern.matches(layer.weight().name()))).toList();
            return BitAllocation.choose(backend, own, task, free, average);
        } catch (PoolExhaustedException e) {
            throw new ConfigException("training.memory_limit_mb = " + config.training().memoryLimitMb()
                    + ": no room for the gradients of one window, which quantization.average_bits measures; raise the limit or name the bits of all"
                    + " layers in quantization.layers: " + e.getMessage(), e);
        }
    }

    /** How well the model does before a step is made, with weights held as {@code weights} says: on the whole held-out text. */
    public TrainingTask.Evaluation evaluateStart(WeightQuantizer weights) throws IOException {
        int microBatch = plan(with(config.quantization().weights())).microBatch();
        try (MemoryPool scratch = new MemoryPool(backend)) {
            LanguageModelTask task = task(withBits(with(weights), folder.resolve(name(weights))), scratch, microBatch);
            try (Rounding _ = Rounding.of(task.model())) {
                return task.evaluate(Tape.evaluating(backend, workspace, config.training().precision()), 0);
            }
        }
    }

    /** How well {@code model} does on the whole held-out text, its weights rounded; it must have this training's vocabulary. */
    TrainingTask.Evaluation evaluate(Decoder model) {
        TokenDataset heldOut = heldOut(model.config().context());
        try (Rounding _ = Rounding.of(model)) {
            return new LanguageModelTask(model, heldOut, heldOut, tokenizer(), 1)
                    .evaluate(Tape.evaluating(backend, workspace, config.training().precision()), 0);
        }
    }

    private TokenDataset heldOut(int context) {
        return new TokenDataset(corpus.heldOut(), (int) Math.min(context, Math.max(1, corpus.heldOut().count() - 1)), 0);
    }

    /** Trains the model that the configuration asks for. */
    public Outcome train(Resume resume) throws IOException {
        return train(config.quantization().weights(), resume);
    }

    /** Trains a model with these weights, under their {@linkplain #name name}. */
    public Outcome train(WeightQuantizer weights, Resume resume) throws IOException {
        return train(name(weights), weights, resume);
    }

    /**
     * Trains the model that the configuration asks for under a name of one's own, so that models of one kind stand side by side.
     *
     * @param run names its folder: letters, digits, '.', '_' and '-', beginning with a letter or digit
     */
    public Outcome train(String run, Resume resume) throws IOException {
        if (!RUN_NAME.matcher(run).matches() || run.equals(DATA)) {
            throw new IllegalArgumentException("run '" + run + "': must be letters, digits, '.', '_' or '-' and not \"" + DATA + '"');
        }
        return train(run, config.quantization().weights(), resume);
    }

    private Outcome train(String run, WeightQuantizer weights, Resume resume) throws IOException {
        Path runFolder = folder.resolve(run);
        TrainingConfig runConfig = withBits(with(weights), runFolder);
        MemoryPlanner.Plan plan = plan(runConfig);
        LanguageModelTask task = task(runConfig, pool, plan.microBatch());
        TrainerBuilder builder = Trainer.builder(backend, task, plan.applied(runConfig)).run(run).microBatch(plan.microBatch())
                .sampler(new GreedySampler(backend, workspace, task.model(), tokenizer()))
                .listener(new ConsoleLog(System.err, config.logging().logLevel()));
        listeners.forEach(builder::listener);
        if (stopFlag != null) {
            builder.stopFlag(stopFlag);
        }
        if (plan.isDegraded(runConfig)) {
            builder.warning(plan.text(runConfig));
        }
        if (temporary) {
            return run(builder, task);
        }
        try (CheckpointStore store = CheckpointStore.open(runFolder, config.checkpoint().saveTotalLimit(), task.higherIsBetter())) {
            builder.checkpoints(store, corpus.tokenizerFiles());
            checkpoint(store, resume).ifPresent(builder::resume);
            AtomicFile.write(runFolder.resolve("config.toml"), ConfigWriter.toToml(runConfig).getBytes(StandardCharsets.UTF_8));
            if (!config.logging().monitoringEnabled()) {
                return run(builder, task);
            }
            try (JsonLines events = new JsonLines(runFolder.resolve(config.logging().eventsFile()))) {
                builder.listener(events);
                if (config.logging().tensorboard().isEmpty()) {
                    return run(builder, task);
                }
                try (TensorBoardLog board = new TensorBoardLog(runFolder.resolve(config.logging().tensorboard()))) {
                    return run(builder.listener(board), task);
                }
            }
        }
    }

    /** How to keep {@code training.memory_limit_mb}; nothing is taken before. */
    MemoryPlanner.Plan plan(TrainingConfig runConfig) throws IOException {
        MemoryPlanner planner = new MemoryPlanner(backend, (trial, memory, microBatch) -> task(
                DecoderFactory.undefined(trial, tokenizer().vocabSize(), memory), microBatch));
        if (runConfig.training().memoryLimitMb() == 0) {
            return MemoryPlanner.Plan.unlimited(runConfig);
        }
        workspace.trim();
        pool.trim();
        return planner.plan(runConfig, reservedBytes()); // models of earlier runs live until the end
    }

    /** Memory that models, optimizers and, under a limit, activations have taken. */
    long reservedBytes() {
        return pool.statistics().reserved();
    }

    private Optional<Checkpoint> checkpoint(CheckpointStore store, Resume resume) throws IOException {
        if (resume == Resume.NEW) {
            List<Path> present = store.list();
            if (!present.isEmpty()) {
                throw new IllegalArgumentException("checkpoint folder " + store.folder() + " holds " + present.getLast().getFileName()
                        + " of an earlier run: resume it or choose another checkpoint.folder");
            }
            return Optional.empty();
        }
        Optional<Checkpoint> latest = store.latest(resume == Resume.LATEST_USABLE);
        if (latest.isPresent()) {
            requireSameTokenizer(latest.get().folder());
        }
        return latest;
    }

    /** The ids that a model has learned mean nothing to another tokenizer, even one with as many of them. */
    private void requireSameTokenizer(Path checkpoint) throws IOException {
        if (TokenizerFiles.isIn(checkpoint) && !TokenizerFiles.same(TokenizerFiles.read(checkpoint), tokenizer())) {
            throw new IllegalArgumentException("checkpoint " + checkpoint
                    + " was trained with another tokenizer than this configuration and"
                    + " text give: set tokenizer.file to its tokenizer, or choose another checkpoint.folder");
        }
    }

    private Outcome run(TrainerBuilder builder, LanguageModelTask task) throws IOException {
        Trainer trainer = builder.build(pool, workspace);
        TrainingResult result = trainer.train();
        if (stopFlag != null && stopFlag.reason() != null) {
            return new Outcome(task.model(), Double.NaN, Double.NaN, result); // someone waits for the process to end
        }
        TrainingTask.Evaluation whole = trainer.evaluateAll();
        return new Outcome(task.model(), whole.value(), Math.exp(whole.loss()), result);
    }

    @Override
    public void close() throws IOException {
        teachers.close();
        workspace.close();
        pool.close();
        corpus.close();
        if (temporary) {
            FileTree.delete(folder);
        }
    }
}
