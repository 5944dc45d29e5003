package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HexFormat;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;

/** A run for tests that kill it: prints step and bits of the loss of each step. Arguments: text, checkpoint folder, steps. */
public final class ForkedRun {

    private ForkedRun() {
    }

    public static void main(String[] arguments) throws IOException {
        TrainingConfig config = Runs.config(Path.of(arguments[0]), Path.of(arguments[1]), "training.max_steps=" + arguments[2],
                "checkpoint.save_every=3", "checkpoint.save_total_limit=2");
        try (StopFlag flag = StopFlag.onInterrupt();
                Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            training.stopFlag(flag).listener((event, control) -> {
                if (event instanceof TrainingEvent.Step step) {
                    System.out.println(step.step() + " " + HexFormat.of().toHexDigits(Double.doubleToRawLongBits(step.loss())));
                }
            });
            training.train(LanguageModelTraining.Resume.LATEST);
        }
    }
}
