package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.setun.formats.FileTree;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Tape;
import org.setun.training.StopFlag;
import org.setun.training.TrainingException;
import org.setun.training.TrainingTask;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.data.Corpus;
import org.setun.training.data.TokenDataset;
import org.setun.training.data.TokenFile;
import org.setun.training.event.TrainingListener;
import org.setun.training.lm.LanguageModelTask;
import org.setun.training.lm.LanguageModelTraining;
import org.setun.training.lm.TrainedModel;

/**
 * Trains the language models of a study, one folder of {@code runs/} each, over one tokenized text. A run that was interrupted goes on from its
 * checkpoint; one that has finished is read from the results.
 */
final class LanguageRunner {

    private final ResultFolder<LanguageRun> results;
    private final TrainingConfig base;
    private final Backend backend;
    private final StopFlag stop;
    private final Consumer<String> say;
    private final TrainingListener progress;

    /**
     * A runner.
     *
     * @param base     what all runs have in common; {@code checkpoint.folder} is set here
     * @param say      told of each run that is trained
     * @param progress told of the events of all runs
     */
    LanguageRunner(ResultFolder<LanguageRun> results, TrainingConfig base, Backend backend, StopFlag stop,
            Consumer<String> say, TrainingListener progress) {
        this.results = results;
        this.base = ConfigReader.override(base,
                List.of("checkpoint.folder=" + ConfigWriter.quoted(runs(results)), "logging.log_level=warn",
                        "logging.monitoring_enabled=false"));
        this.backend = backend;
        this.stop = stop;
        this.say = say;
        this.progress = progress;
    }

    private static Path runs(ResultFolder<LanguageRun> results) {
        return results.folder().resolve("runs");
    }

    /** Steps that see at least {@code tokens}. */
    long steps(long tokens) {
        return Math.ceilDiv(tokens, tokensPerStep());
    }

    long tokensPerStep() {
        return (long) base.training().batchSize() * base.training().accumulationSteps() * base.model().context();
    }

    /**
     * The result of a run; trains it if it has not finished yet.
     *
     * @param name of the run
     * @param keys what it sets
     * @param keep whether its best checkpoint stays
     * @throws StudyStoppedException if the flag was raised; the run's state is saved then
     */
    LanguageRun run(String name, LanguageRun.Plan plan, List<String> keys, boolean keep) throws IOException {
        Optional<LanguageRun> known = results.find(name);
        if (known.isPresent()) {
            return known.get();
        }
        LanguageRun finished = train(name, plan, keys);
        LanguageRun kept = results.keep(name, finished);
        for (Path checkpoint : CheckpointStore.list(runs(results).resolve(name))) {
            if (!keep || !checkpoint.equals(checkpoint(name, kept.bestStep()))) {
                FileTree.delete(checkpoint);
            }
        }
        return kept;
    }

    private LanguageRun train(String name, LanguageRun.Plan plan, List<String> keys) throws IOException {
        List<String> all = new ArrayList<>(keys);
        all.add("training.seed=" + plan.seed());
        all.add("schedule.learning_rate=" + LanguageRun.Plan.number(plan.learningRate()));
        TrainingConfig config = ConfigReader.override(base, all);
        requireNotStopped();
        say.accept("trains " + name);
        try (LanguageModelTraining training = LanguageModelTraining.open(config, backend).stopFlag(stop).listener(progress)) {
            LanguageModelTraining.Outcome outcome = training.train(name, LanguageModelTraining.Resume.LATEST_USABLE);
            requireNotStopped();
            OptionalLong best = LanguageRun.bestStep(LanguageRun.curve(outcome.result()), plan.quantizedFrom());
            if (best.isEmpty()) {
                return LanguageRun.failed(plan, "no evaluation gave a number", backend.toString());
            }
            TrainingTask.Evaluation whole = best.getAsLong() == outcome.result().steps()
                    ? new TrainingTask.Evaluation(Math.log(outcome.perplexity()), outcome.bitsPerByte())
                    : evaluate(checkpoint(name, best.getAsLong()), training);
            return LanguageRun.of(plan, outcome.result(), best.getAsLong(), whole, heldOut(training), outcome.model().parameterCount(),
                    backend.toString());
        } catch (TrainingException e) {
            return LanguageRun.failed(plan, String.valueOf(e.getMessage()), backend.toString());
        }
    }

    private void requireNotStopped() {
        String reason = stop.reason();
        if (reason != null) {
            throw new StudyStoppedException(reason);
        }
    }

    private static LanguageRun.HeldOutText heldOut(LanguageModelTraining training) throws IOException {
        Corpus corpus = training.corpus().corpus();
        WordCount words = new WordCount();
        corpus.read(corpus.heldOut(), (text, end) -> words.add(text));
        return new LanguageRun.HeldOutText(training.corpus().heldOut().count() - 1, Math.max(1, words.count()));
    }

    /** The whole held-out text by the model of a checkpoint. */
    TrainingTask.Evaluation evaluate(Path checkpoint, LanguageModelTraining training) throws IOException {
        try (MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            TrainedModel model = TrainedModel.load(checkpoint, pool);
            TokenFile tokens = training.corpus().heldOut();
            TokenDataset text = new TokenDataset(tokens, (int) Math.min(base.model().context(), Math.max(1, tokens.count() - 1)), 0);
            return new LanguageModelTask(model.decoder(), text, text, model.tokenizer(), base.training().batchSize())
                    .evaluate(Tape.evaluating(backend, workspace, base.training().precision()), 0);
        }
    }

    /** The checkpoint of a step of a run. */
    Path checkpoint(String name, long step) throws IOException {
        Path folder = runs(results).resolve(name);
        for (Path path : CheckpointStore.list(folder)) {
            if (Checkpoint.open(path).state().step() == step) {
                return path;
            }
        }
        throw new IllegalArgumentException(folder + " has no checkpoint of step " + step + ": delete results/" + name
                + ".json and runs/" + name + ", and the run is done again");
    }
}
