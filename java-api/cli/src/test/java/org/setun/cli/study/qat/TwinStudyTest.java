package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class TwinStudyTest {

    private static final int TOKENS = 6 * 64;

    @TempDir
    Path folder;
    private final Backend backend = Backends.open();
    private Path train;
    private Path heldOut;

    @BeforeEach
    void writeTexts() throws IOException {
        train = StudyTexts.write(folder.resolve("train.txt"), 400, 1);
        heldOut = StudyTexts.write(folder.resolve("valid.txt"), 60, 2);
    }

    @AfterEach
    void close() {
        backend.close();
    }

    private TwinStudy.Settings settings(String out, int seeds, List<TwinArm> arms, List<Double> rates, int rateTokens) {
        return new TwinStudy.Settings(train, heldOut, folder.resolve(out), TOKENS, rateTokens, rates, seeds, arms, StudyTexts.TINY);
    }

    private TwinReport run(TwinStudy.Settings settings, StopFlag stop, TrainingListener listener, List<String> said) throws IOException {
        return TwinStudy.run(settings, backend, stop, said::add, listener);
    }

    private static List<LanguageRun> withoutTimes(List<LanguageRun> runs) {
        return runs.stream()
                .map(r -> new LanguageRun(r.arm(), r.learningRate(), r.seed(), r.steps(), r.tokens(), r.parameters(), r.bestStep(),
                        r.loss(), r.bitsPerByte(), r.wordPerplexity(), r.curve(), 0, r.stopReason(), r.backend()))
                .toList();
    }

    /** Stopped in the middle of one run after the other, it ends with the bits of a study that nobody stopped. */
    @Test
    void aStoppedStudyGoesOnToTheSameResult() throws IOException {
        List<Double> rates = List.of(0.004);
        TwinReport whole = run(settings("whole", 1, List.of(TwinArm.DISTILLED), rates, 3 * 64), new StopFlag(), StudyTexts.none(),
                new ArrayList<>());
        TwinReport resumed = null;
        int stops = 0;
        while (resumed == null) {
            try (StopFlag stop = new StopFlag()) {
                resumed = run(settings("stopped", 1, List.of(TwinArm.DISTILLED), rates, 3 * 64), stop, StudyTexts.stopsAfter(4, stop),
                        new ArrayList<>());
            } catch (StudyStoppedException e) {
                assertThat(e).hasMessage("enough");
                stops++;
            }
        }
        assertThat(stops).isGreaterThan(2);
        assertThat(withoutTimes(resumed.runs())).isEqualTo(withoutTimes(whole.runs()));
        assertThat(withoutTimes(resumed.rateRuns())).isEqualTo(withoutTimes(whole.rateRuns()));
        List<String> said = new ArrayList<>();
        TwinReport again = run(settings("stopped", 1, List.of(TwinArm.DISTILLED), rates, 3 * 64), new StopFlag(), StudyTexts.none(), said);
        assertThat(said).as("all is known").isEmpty();
        assertThat(again.markdown()).isEqualTo(resumed.markdown());

        assertThat(whole.rows()).extracting(TwinReport.Row::arm).containsExactly("fp32", "ternary-distilled");
        assertThat(whole.runs()).filteredOn(r -> r.arm().equals("ternary-distilled"))
                .allSatisfy(r -> assertThat(r.bestStep()).as("only the wholly quantized model counts").isGreaterThanOrEqualTo(3));
        assertThat(whole.runs()).allSatisfy(r -> assertThat(r.tokens()).isEqualTo(TOKENS));
        whole.chart(folder.resolve("curves.svg"));
        assertThat(folder.resolve("curves.svg")).content().contains("<svg");
    }

    @Test
    void everyArmHasTheRateWithTheLowestLossOfTheFirstSeed() throws IOException {
        TwinReport report = run(settings("rates", 1, List.of(TwinArm.TERNARY), List.of(1e-5, 0.01, 2e-5), TOKENS), new StopFlag(),
                StudyTexts.none(), new ArrayList<>());
        for (TwinReport.Row row : report.rows()) {
            List<LanguageRun> tried = report.rateRuns().stream().filter(r -> r.arm().equals(row.arm())).toList();
            assertThat(tried).extracting(LanguageRun::learningRate).containsExactly(1e-5, 0.01, 2e-5);
            assertThat(tried.stream().min(Comparator.comparingDouble(LanguageRun::loss)).orElseThrow().learningRate()).isEqualTo(0.01);
            assertThat(row.learningRate()).isEqualTo(0.01);
        }
        assertThat(report.runs()).as("a run of the rates serves").allSatisfy(r -> assertThat(report.rateRuns()).contains(r));
        LanguageRun twin = report.runs().getFirst();
        LanguageRun ternary = report.runs().getLast();
        assertThat(report.rows().getLast().gap().estimate()).isEqualTo(ternary.wordPerplexity() / twin.wordPerplexity() - 1, within(1e-12));
        long bytes = Files.size(heldOut);
        assertThat(Math.log(twin.wordPerplexity()) * 60 * 8).as("nats, by words with line ends and by bytes")
                .isEqualTo(twin.bitsPerByte() * Math.log(2) * bytes, within(0.02 * bytes));
    }

    @Test
    void theFiguresAreThoseOfTheBestCheckpoint() throws IOException {
        TwinStudy.Settings settings = settings("best", 2, List.of(), List.of(0.01), TOKENS);
        List<LanguageRun> runs = run(settings, new StopFlag(), StudyTexts.none(), new ArrayList<>()).runs();
        assertThat(runs).extracting(LanguageRun::seed).containsExactly(1L, 2L);
        Path runFolder = folder.resolve("best/runs/fp32-rate0.01-seed1-steps6");
        assertThat(CheckpointStore.list(runFolder)).as("the teacher's alone stays").hasSize(1);
        assertThat(CheckpointStore.list(runFolder).getFirst().getFileName().toString()).endsWith("" + runs.getFirst().bestStep());

        // a rate that ruins the model after a good start: the best evaluation is not the last
        List<String> ruin = new ArrayList<>(StudyTexts.TINY);
        ruin.addAll(List.of("schedule.kind=constant", "optimizer.clip_norm=0"));
        TwinStudy.Settings high = new TwinStudy.Settings(train, heldOut, folder.resolve("high"), TOKENS, TOKENS, List.of(1.0), 1, List.of(),
                ruin);
        LanguageRun run = run(high, new StopFlag(), StudyTexts.none(), new ArrayList<>()).runs().getFirst();
        assertThat(run.bestStep()).isLessThan(run.steps());
        LanguageRun.Evaluation best = run.curve().stream().min(Comparator.comparingDouble(LanguageRun.Evaluation::loss)).orElseThrow();
        assertThat(best.step()).isEqualTo(run.bestStep());
        assertThat(run.loss()).as("the held-out text is short: each evaluation sees all of it").isEqualTo(best.loss(), within(1e-9));
    }

    @Test
    void aRunThatFailsIsReported() throws IOException {
        List<String> keys = new ArrayList<>(StudyTexts.TINY);
        keys.addAll(List.of("training.max_skipped_steps=1", "schedule.min_learning_rate=0"));
        TwinStudy.Settings settings = new TwinStudy.Settings(train, heldOut, folder.resolve("fails"), TOKENS, 640, List.of(0.01), 1,
                List.of(TwinArm.TERNARY), keys);
        TrainingListener failsTernary = (event, control) -> {
            if (event instanceof TrainingEvent.Step && event.run().startsWith("ternary")) {
                throw new org.setun.training.TrainingException("the gradient was not finite");
            }
        };
        TwinReport report = run(settings, new StopFlag(), failsTernary, new ArrayList<>());
        assertThat(report.rows()).extracting(TwinReport.Row::arm).containsExactly("fp32");
        assertThat(report.markdown()).contains("| ternary | 0.01 | failed: the gradient was not finite |");
    }

    @Test
    void settingsThatCannotWorkAreRefused() throws IOException {
        assertThatIllegalArgumentException().isThrownBy(() -> settings("x", 0, List.of(), List.of(0.1), 1))
                .withMessageContaining("--seeds 0");
        assertThatIllegalArgumentException().isThrownBy(() -> settings("x", 1, List.of(), List.of(), 1))
                .withMessageContaining("--rates []");
        assertThatIllegalArgumentException().isThrownBy(() -> TwinArm.of("5-bit")).withMessageContaining("ternary-distilled");
        run(settings("one", 1, List.of(), List.of(0.01), 64), new StopFlag(), StudyTexts.none(), new ArrayList<>());
        assertThatThrownBy(
                () -> run(settings("one", 1, List.of(), List.of(0.02), 64), new StopFlag(), StudyTexts.none(), new ArrayList<>()))
                .hasMessageContaining("rates = 0.01, not 0.02");
        Files.writeString(heldOut, "another text");
        assertThatThrownBy(
                () -> run(settings("one", 1, List.of(), List.of(0.01), 64), new StopFlag(), StudyTexts.none(), new ArrayList<>()))
                .hasMessageContaining("held_out_sha256");
    }
}
