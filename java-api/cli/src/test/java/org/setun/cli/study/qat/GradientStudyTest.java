package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.training.StopFlag;
import org.setun.training.Trainer;
import org.setun.training.TrainingResult;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.data.TokenDataset;
import org.setun.training.lm.DecoderFactory;
import org.setun.training.lm.LanguageModelTask;
import org.setun.training.lm.TokenizedCorpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

class GradientStudyTest {

    @TempDir
    Path folder;

    private record Probed(TrainingResult result, List<GradientProbe.Step> steps) {
    }

    private static LanguageModelTask task(TrainingConfig config, TokenizedCorpus corpus, MemoryPool pool) {
        TokenDataset windows = new TokenDataset(corpus.training(), config.model().context(), 1);
        return new LanguageModelTask(DecoderFactory.decoder(config, corpus.tokenizer().vocabSize(), pool, 1), windows, windows,
                corpus.tokenizer(), 4);
    }

    private Probed train(Backend backend, boolean probed, String... quantization) throws IOException {
        List<String> keys = new ArrayList<>(StudyTexts.TINY);
        keys.add("data.paths=[" + ConfigWriter.quoted(StudyTexts.write(folder.resolve("text"), 200, 1)) + "]");
        keys.addAll(List.of("training.max_steps=6", "training.eval_every=0", "training.eval_steps=1", "schedule.warmup_steps=1",
                "training.accumulation_steps=2", "logging.log_level=warn"));
        TrainingConfig exact = ConfigReader.override(ConfigReader.override(TrainingConfig.defaults(), keys),
                List.of("quantization.weights=none"));
        TrainingConfig config = ConfigReader.override(exact, List.of(quantization));
        try (TokenizedCorpus corpus = TokenizedCorpus.prepare(config, folder.resolve("data"));
                MemoryPool pool = new MemoryPool(backend);
                Workspace workspace = new Workspace(backend);
                Workspace own = new Workspace(backend)) {
            LanguageModelTask task = task(config, corpus, pool);
            GradientProbe probe = new GradientProbe(task, task(exact, corpus, pool), own);
            TrainingResult result = Trainer.builder(backend, probed ? probe : task, config).build(pool, workspace).train();
            return new Probed(result, probe.steps());
        }
    }

    @Test
    void theCosineFallsWithTheCoarsenessOfTheLevels() throws IOException {
        try (Backend backend = Backends.open()) {
            String[] eight = {"quantization.weights=uniform", "quantization.bits=8", "quantization.activations=none",
                    "quantization.estimator=identity", "quantization.scale=absmax", "quantization.learned_scale=false"};
            assertThat(train(backend, true, eight).steps).hasSize(6)
                    .allSatisfy(step -> assertThat(step.cosine()).isBetween(0.999, 1 + 1e-9));
            assertThat(train(backend, true, "quantization.weights=ternary").steps)
                    .allSatisfy(step -> assertThat(step.cosine()).isBetween(0.05, 0.99));
            assertThat(train(backend, true).steps).as("no layer is quantized").allSatisfy(step -> {
                assertThat(step.cosine()).isEqualTo(1, within(1e-12));
                assertThat(step.norm()).isPositive();
            });
        }
    }

    @Test
    void lookingChangesNothing() throws IOException {
        try (Backend backend = Backends.open()) {
            assertThat(train(backend, true, "quantization.weights=ternary").result.losses())
                    .containsExactly(train(backend, false, "quantization.weights=ternary").result.losses());
        }
    }

    @Test
    void rhoAndCosinesByHand() {
        GradientStudy.Run twin = new GradientStudy.Run("fp32", List.of(1.0, 2.0, 3.0), List.of(1.0, 1.0, 1.0));
        GradientStudy.Row row = GradientStudy.row(new GradientStudy.Run("lsq", List.of(2.0, 4.0, 6.0), List.of(0.9, 0.5, 0.7)), twin);
        assertThat(row.rho()).as("variances 4 and 1").isEqualTo(3, within(1e-12));
        assertThat(row.norm()).isEqualTo(2, within(1e-12));
        assertThat(row.cosine()).isEqualTo(0.7, within(1e-12));
        assertThat(row.lowest()).isEqualTo(0.5);
        assertThat(row.last()).isEqualTo(0.7);
    }

    @Test
    void estimatorsAreReportedOneByOne() throws IOException {
        Path text = StudyTexts.write(folder.resolve("text"), 200, 1);
        List<String> keys = new ArrayList<>(StudyTexts.TINY);
        keys.add("schedule.warmup_steps=1");
        List<String> said = new ArrayList<>();
        try (Backend backend = Backends.open()) {
            GradientStudy.Report report = GradientStudy.run(text, folder.resolve("out"), 4, List.of(EstimatorArm.values()), keys, backend,
                    new StopFlag(), said::add, StudyTexts.none());
            assertThat(said).hasSize(1 + EstimatorArm.values().length);
            assertThat(report.rows()).hasSize(8).allSatisfy(row -> {
                assertThat(row.cosine()).isBetween(-1.0, 0.999);
                assertThat(row.rho()).isNotNegative();
            });
            said.clear();
            assertThat(
                    GradientStudy.run(text, folder.resolve("out"), 4, List.of(EstimatorArm.LSQ), keys, backend, new StopFlag(), said::add,
                            StudyTexts.none()).rows())
                    .containsExactly(report.rows().get(2));
            assertThat(said).isEmpty();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GradientStudy.run(text, folder.resolve("out"), 1, List.of(), keys, backend,
                            new StopFlag(), said::add, StudyTexts.none()))
                    .withMessageContaining("--steps 1");
            assertThatIllegalArgumentException().isThrownBy(() -> EstimatorArm.of("ste")).withMessageContaining("identity");
        }
    }
}
