package org.setun.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.setun.cli.bench.Figure.Unit;
import org.setun.formats.FileTree;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.EventStream;
import org.setun.training.event.JsonLines;
import org.setun.training.event.TensorBoardLog;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;
import org.setun.training.lm.LanguageModelTraining;
import org.setun.training.lm.LanguageModelTraining.Resume;

/**
 * {@code setun bench monitoring}: what watching a run costs. A small ternary decoder trains on made-up text; every second step is watched by all monitors
 * at once (JSON lines, TensorBoard, a subscriber of the stream of events), so that both kinds of steps see the same machine. Its steps are short, which makes
 * the ratio an upper bound for larger models.
 */
public final class MonitoringBench {

    private static final int WARM_UP = 10;
    private static final int WORDS = 60_000;
    private static final double MUST = 1.02;

    private final int steps;

    /** A measurement over {@code steps} steps, half of them watched. */
    public MonitoringBench(int steps) {
        if (steps < 2 * WARM_UP) {
            throw new IllegalArgumentException("steps = " + steps + ": must be at least " + 2 * WARM_UP);
        }
        this.steps = steps;
    }

    /** Watches every second step and times the steps. */
    private static final class Toggle implements TrainingListener {
        private final List<TrainingListener> monitors;
        private final Samples on = new Samples();
        private final Samples off = new Samples();
        private long last;

        Toggle(List<TrainingListener> monitors) {
            this.monitors = monitors;
        }

        @Override
        public void on(TrainingEvent event, Control control) {
            if (event instanceof TrainingEvent.Step step) {
                long now = System.nanoTime();
                if (step.step() > WARM_UP) {
                    (step.step() % 2 == 1 ? on : off).add(now - last); // an even step was watched, and that was paid before this one
                }
                last = now;
                if (step.step() % 2 == 0) {
                    monitors.forEach(monitor -> monitor.on(event, control));
                }
            }
        }
    }

    /** Measures. */
    public List<Figure> measure() throws IOException {
        Path folder = Files.createTempDirectory("setun-bench");
        try (Backend backend = Backends.open()) {
            TrainingConfig config = ConfigReader.override(TrainingConfig.defaults(),
                    List.of("data.paths=[\"" + text(folder) + "\"]", "tokenizer.vocab_size=512", "model.dim=128", "model.ffn=384",
                            "model.layers=4", "model.heads=4", "model.kv_heads=4", "model.context=128", "training.batch_size=8",
                            "training.max_steps=" + steps, "training.eval_every=0", "training.eval_steps=1", "schedule.warmup_steps=5",
                            "logging.log_level=off"));
            try (JsonLines lines = new JsonLines(folder.resolve("events.jsonl"));
                    TensorBoardLog board = new TensorBoardLog(folder.resolve("board"));
                    EventStream stream = new EventStream();
                    LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
                stream.subscribe(TrainingEvent::step);
                Toggle toggle = new Toggle(List.of(lines, board, stream));
                training.listener(toggle).train(Resume.NEW);
                double on = toggle.on.median();
                double off = toggle.off.median();
                return List.of(Figure.atMost("a step with all monitors, of one without", MUST, Double.NaN, on / off, Unit.TIMES,
                        String.format(Locale.ROOT, "%.2f and %.2f ms, medians of %d and %d", on / 1e6, off / 1e6, toggle.on.count(),
                                toggle.off.count())));
            }
        } finally {
            FileTree.delete(folder);
        }
    }

    private static Path text(Path folder) throws IOException {
        Random random = new Random(1);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < WORDS; i++) {
            text.append((char) ('a' + random.nextInt(26))).append((char) ('a' + random.nextInt(26))).append(i % 12 == 11 ? ".\n" : " ");
        }
        return Files.writeString(folder.resolve("text.txt"), text);
    }
}
