package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.MemoryPlanner;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.event.TrainingEvent;
import org.setun.training.lm.LanguageModelTraining.Outcome;
import org.setun.training.lm.LanguageModelTraining.Resume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** What a run takes is what was predicted, and stays below {@code training.memory_limit_mb}. */
class MemoryLimitTest {

    private static final List<String> MODEL = List.of("model.dim=128", "model.layers=4", "model.heads=4", "model.kv_heads=2",
            "model.ffn=384",
            "model.context=64", "training.batch_size=16", "training.max_steps=3", "training.eval_every=0", "schedule.total_steps=100",
            "schedule.warmup_steps=1");

    @TempDir
    Path folder;
    private Path text;
    private int runs;

    @BeforeEach
    void writeText() throws IOException {
        text = Runs.text(folder.resolve("text"));
    }

    private TrainingConfig config(String... overrides) {
        return Runs.config(text, folder.resolve("run" + runs++),
                Stream.concat(MODEL.stream(), Arrays.stream(overrides)).toArray(String[]::new));
    }

    @ParameterizedTest
    @ValueSource(strings = {"quantization.weights=ternary", "quantization.weights=none",
            "training.recompute=true training.precision=bf16 optimizer.kind=adamw8bit",
            "quantization.weights=uniform quantization.bits=3 optimizer.kind=lion",
            "optimizer.track_codes=true optimizer.freeze_threshold=0.1 training.accumulation_steps=2",
            "optimizer.kind=muon training.batch_size=3",
            "optimizer.kind=adafactor loss.activation=0.1", "training.memory_efficient=true model.tied_head=false"})
    void thePredictedPeakIsWithinTenPercentOfTheMeasuredOne(String overrides) throws IOException {
        TrainingConfig config = config((overrides + " training.memory_limit_mb=200").split(" "));
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            MemoryPlanner.Plan plan = training.plan(config);
            assertThat(training.reservedBytes()).as("nothing is taken by planning").isZero();
            assertThat(plan.isDegraded(config)).isFalse();
            training.train(Resume.NEW);
            assertThat((double) plan.bytes()).isCloseTo(training.reservedBytes(), within(0.1 * training.reservedBytes()));
        }
    }

    @Test
    void aLimitMakesMicroBatchesSmallerThenRecomputesAndSaysSo() throws IOException {
        List<Double> losses = new ArrayList<>();
        long smallest = Long.MAX_VALUE;
        for (int limit : new int[]{200, 30, 17}) {
            TrainingConfig config = config("training.memory_limit_mb=" + limit);
            List<String> warnings = new ArrayList<>();
            try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
                training.listener((event, control) -> {
                    if (event instanceof TrainingEvent.Warning warning) {
                        warnings.add(warning.message());
                    }
                });
                Outcome outcome = training.train(Resume.NEW);
                losses.add(outcome.result().losses()[2]);
                assertThat(training.reservedBytes()).isLessThanOrEqualTo(limit * 1_000_000L).isLessThan(smallest);
                smallest = training.reservedBytes();
                if (limit == 200) {
                    assertThat(warnings).isEmpty();
                } else {
                    assertThat(warnings).as("limit %d", limit).singleElement().asString().contains("training.memory_limit_mb = " + limit)
                            .contains("instead of 16").contains("predicted peak");
                    assertThat(warnings.getFirst().contains("computed twice")).as(warnings.getFirst()).isEqualTo(limit == 17);
                }
            }
        }
        assertThat(losses).allSatisfy(loss -> assertThat(loss).isCloseTo(losses.getFirst(), within(1e-4)));
    }

    @Test
    void whatCannotFitIsRefusedBeforeAnythingIsTaken() throws IOException {
        TrainingConfig config = config("training.memory_limit_mb=5");
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            assertThatThrownBy(() -> training.train(Resume.NEW)).isInstanceOf(ConfigException.class)
                    .hasMessageContaining("training.memory_limit_mb = 5").hasMessageContaining("with blocks computed twice")
                    .hasMessageContaining("raise the limit").hasMessageContaining("adamw8bit");
            assertThat(training.reservedBytes()).isZero();
        }
    }

    @Test
    void recomputationIsRefusedWhereTermsLookIntoBlocks() {
        assertThatThrownBy(() -> config("training.recompute=true", "loss.activation=0.1")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("training.recompute").hasMessageContaining("loss.activation");
    }

    @Test
    void aRunThatRecomputesHasTheLossesOfOneThatDoesNot() throws IOException {
        List<double[]> losses = new ArrayList<>();
        for (boolean recompute : new boolean[]{false, true}) {
            TrainingConfig config = config("training.recompute=" + recompute, "training.max_steps=6");
            try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
                losses.add(training.train(Resume.NEW).result().losses());
            }
        }
        assertThat(losses.get(1)).containsExactly(losses.get(0));
    }

    /** Quantizers that learn from what they see forbid recomputation; nobody asked for it. */
    @ParameterizedTest
    @ValueSource(strings = {"learned", "tracked", "clipping"})
    void whatCannotFitIsRefusedByTheKeyThatWasSet(String range) throws IOException {
        TrainingConfig config = config("training.memory_limit_mb=5", "quantization.activations=uniform", "activations.range=" + range);
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            assertThatThrownBy(() -> training.train(Resume.NEW)).isInstanceOf(ConfigException.class)
                    .hasMessageStartingWith("training.memory_limit_mb = 5").hasMessageNotContaining("recompute")
                    .hasMessageNotContaining("computed twice");
        }
    }

    /** What is measured before a run keeps to the limit as the run does, and leaves it as much. */
    @Test
    void theLimitHoldsForWhatIsMeasuredBeforeTheRun() throws IOException {
        TrainingConfig config = config("training.memory_limit_mb=25", "quantization.weights=uniform", "quantization.average_bits=3",
                "quantization.learned_scale=false");
        TrainingConfig unlimited = ConfigReader.override(config, List.of("training.memory_limit_mb=0"));
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(config, backend);
                LanguageModelTraining free = LanguageModelTraining.open(unlimited, backend)) {
            assertThat(training.evaluateStart(WeightQuantizer.NONE).loss()).isCloseTo(free.evaluateStart(WeightQuantizer.NONE).loss(),
                    within(1e-6));
            assertThat(training.evaluateStart(WeightQuantizer.UNIFORM).loss()).isFinite();
            assertThat(training.allocation(3).bits()).isEqualTo(free.allocation(3).bits());
            assertThat(training.secondsPerStep(WeightQuantizer.UNIFORM, 1)).isPositive();
            training.train(Resume.NEW);
            assertThat(training.reservedBytes()).isLessThanOrEqualTo(25_000_000L);
        }
    }

    /** The first model stays: the second has what is left. */
    @Test
    void modelsTrainedOneAfterTheOtherShareTheLimit() throws IOException {
        TrainingConfig config = config("training.memory_limit_mb=45");
        List<String> warnings = new ArrayList<>();
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            training.listener((event, control) -> {
                if (event instanceof TrainingEvent.Warning warning) {
                    warnings.add(warning.message());
                }
            });
            training.train(WeightQuantizer.TERNARY, Resume.NEW);
            int before = warnings.size();
            training.train(WeightQuantizer.NONE, Resume.NEW);
            assertThat(warnings.subList(before, warnings.size())).singleElement().asString().startsWith("training.memory_limit_mb = 45")
                    .contains("predicted peak");
            assertThat(training.reservedBytes()).isLessThanOrEqualTo(45_000_000L);
            assertThatThrownBy(() -> {
                for (int i = 0; i < 9; i++) {
                    training.train("again" + i, Resume.NEW);
                }
            }).isInstanceOf(ConfigException.class).hasMessageContaining("of which models trained before hold");
        }
    }
}
