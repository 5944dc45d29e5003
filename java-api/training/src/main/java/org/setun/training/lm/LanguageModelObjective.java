package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.training.StopFlag;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingListener;
import org.setun.training.lm.LanguageModelTraining.Outcome;
import org.setun.training.lm.LanguageModelTraining.Resume;
import org.setun.training.search.Dimension;
import org.setun.training.search.Search;
import org.setun.training.search.Trial;

/**
 * Bits per byte of the held-out text after training as a configuration says, with the keys of a trial. Trial 7 is the run {@code trial-0007} in the
 * folder of the search; it goes on from its newest checkpoint, when it was stopped as when it gets more steps. The learning rate's schedule is that
 * of the most steps, so that trials of few and of many steps are the same run. One thread.
 */
public final class LanguageModelObjective implements Search.Objective {

    private final TrainingConfig config;
    private final Backend backend;
    private final StopFlag stopFlag;
    private final @Nullable TrainingListener listener;

    /**
     * An objective.
     *
     * @param folder    of the search; trials and tokens go there
     * @param mostSteps that a trial may get
     * @param stopFlag  ends the trial that runs, with a checkpoint
     * @param listener  of all trials; null for none
     * @throws ConfigException if a value at the bounds of {@code space} is none that its key can have
     */
    public LanguageModelObjective(TrainingConfig config, Path folder, List<Dimension> space, long mostSteps, Backend backend,
            StopFlag stopFlag, @Nullable TrainingListener listener) {
        List<String> keys = List.of("checkpoint.folder=\"" + folder.toString().replace("\\", "\\\\") + '"', "checkpoint.save_total_limit=1",
                "checkpoint.save_best_only=false", "schedule.total_steps=" + mostSteps, "training.max_steps=" + mostSteps,
                "training.epochs=0", "training.eval_every=0", "logging.log_level=off");
        this.config = ConfigReader.override(config, keys);
        this.backend = backend;
        this.stopFlag = stopFlag;
        this.listener = listener;
        for (Dimension dimension : space) {
            for (double bound : new double[]{0, Math.nextDown(1.0)}) {
                ConfigReader.override(this.config, List.of(dimension.key() + "=" + dimension.value(bound)));
            }
        }
    }

    @Override
    public Optional<Double> value(Trial trial, long steps) throws IOException {
        List<String> keys = new ArrayList<>();
        trial.values().forEach((key, value) -> keys.add(key + "=" + value));
        keys.add("training.max_steps=" + steps);
        try (LanguageModelTraining training = LanguageModelTraining.open(ConfigReader.override(config, keys), backend)) {
            training.stopFlag(stopFlag);
            if (listener != null) {
                training.listener(listener);
            }
            Outcome outcome = training.train(String.format(Locale.ROOT, "trial-%04d", trial.number()), Resume.LATEST);
            return stopFlag.reason() != null ? Optional.empty() : Optional.of(outcome.bitsPerByte());
        }
    }
}
