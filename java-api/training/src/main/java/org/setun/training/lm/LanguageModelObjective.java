package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.setun.formats.Sha256;
import org.setun.kernels.Backend;
import org.setun.training.StopFlag;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;
import org.setun.training.lm.LanguageModelTraining.Outcome;
import org.setun.training.lm.LanguageModelTraining.Resume;
import org.setun.training.search.Dimension;
import org.setun.training.search.Search;
import org.setun.training.search.Trial;

/**
 * Bits per byte of the held-out text after training as a configuration says, with the keys of a trial. Trial 7 is the run {@code trial-0007-DIGEST} in
 * the folder of the search, where the digest is that of its configuration, so a run goes on from its newest checkpoint, when it was stopped as when it
 * gets more steps, but never from that of another trial. All trials train under the schedules of the most steps; one of few steps is the beginning of
 * that run. One thread.
 */
public final class LanguageModelObjective implements Search.Objective {

    /** What the search itself decides. */
    private static final Set<String> OWN = Set.of("training.max_steps", "training.epochs", "training.eval_every", "logging.log_level");
    private static final String OWN_SECTION = "checkpoint.";
    private static final int DIGEST = 12;

    private final TrainingConfig searched;
    private final TrainingConfig config;
    private final Backend backend;
    private final StopFlag stopFlag;
    private final @Nullable TrainingListener listener;

    /**
     * An objective. The text is read, and the tokens are made, before any trial, so that what is wrong with them is no trial's failure.
     *
     * @param config   without the keys of trials; its {@code training.max_steps} or {@code epochs} are the most that a trial may get
     * @param folder   of the search; trials and tokens go there
     * @param stopFlag ends the trial that runs, with a checkpoint
     * @param listener of all trials; null for none
     * @throws ConfigException if {@code space} has a key that the search sets itself, or a value that its key cannot have: all choices and the bounds of
     *                         ranges are tried, each alone
     */
    public LanguageModelObjective(TrainingConfig config, Path folder, List<Dimension> space, Backend backend, StopFlag stopFlag,
            @Nullable TrainingListener listener) throws IOException {
        this.backend = backend;
        this.stopFlag = stopFlag;
        this.listener = listener;
        List<String> keys = List.of("checkpoint.folder=" + ConfigWriter.quoted(folder), "checkpoint.save_total_limit=1",
                "checkpoint.save_best_only=false", "training.eval_every=0", "logging.log_level=off");
        TrainingConfig once = ConfigReader.override(config, keys);
        space.forEach(dimension -> requirePossible(once, dimension));
        List<String> length = length(once, backend);
        searched = ConfigReader.override(config, length);
        this.config = ConfigReader.override(once, length);
    }

    private static void requirePossible(TrainingConfig config, Dimension dimension) {
        if (OWN.contains(dimension.key()) || dimension.key().startsWith(OWN_SECTION)) {
            throw new ConfigException(dimension.key() + ": the search sets this key itself; take it out of the space");
        }
        IntStream.range(0, dimension.count()).mapToObj(i -> dimension.value((i + 0.5) / dimension.count()))
                .forEach(value -> ConfigReader.override(config, List.of(dimension.key() + "=" + value)));
        Stream.of(0.0, Math.nextDown(1.0)).map(dimension::value)
                .forEach(value -> ConfigReader.override(config, List.of(dimension.key() + "=" + value)));
    }

    /** The steps that all passes over the text take. */
    private static List<String> length(TrainingConfig config, Backend backend) throws IOException {
        try (LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            return List.of("training.max_steps=" + training.config().training().maxSteps(), "training.epochs=0");
        }
    }

    /** The most steps that a trial may get. */
    public long mostSteps() {
        return config.training().maxSteps();
    }

    /** What values depend on beside the keys of trials: a digest of the configuration, wherever its folder lies. */
    public String digest() {
        return digest(config);
    }

    private static String digest(TrainingConfig config) {
        return Sha256.of(ConfigWriter.toToml(ConfigReader.override(config, List.of("checkpoint.folder=\"\""))));
    }

    /** The configuration that trains the model of {@code trial} to the end, as the search did. */
    public TrainingConfig configuration(Trial trial) {
        return ConfigReader.override(searched, keys(trial));
    }

    private static List<String> keys(Trial trial) {
        List<String> keys = new ArrayList<>();
        trial.values().forEach((key, value) -> keys.add(key + "=" + value));
        return keys;
    }

    @Override
    public Optional<Double> value(Trial trial, long steps) throws IOException {
        TrainingConfig own = ConfigReader.override(config, keys(trial));
        String run = String.format(Locale.ROOT, "trial-%04d-%s", trial.number(), digest(own).substring(0, DIGEST));
        try (LanguageModelTraining training = LanguageModelTraining.open(own, backend)) {
            training.stopFlag(stopFlag).listener((event, control) -> stopAt(steps, event, control));
            if (listener != null) {
                training.listener(listener);
            }
            Outcome outcome = training.train(run, Resume.LATEST);
            return stopFlag.reason() != null ? Optional.empty() : Optional.of(outcome.bitsPerByte());
        }
    }

    /** Also before the first step: a checkpoint can be of this very step. */
    private static void stopAt(long steps, TrainingEvent event, TrainingListener.Control control) {
        if (event.step() >= steps) {
            control.stop("reached step " + steps + " of the search");
        }
    }
}
