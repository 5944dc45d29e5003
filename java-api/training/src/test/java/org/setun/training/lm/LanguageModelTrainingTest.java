package org.setun.training.lm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.event.TrainingEvent;
import org.setun.training.lm.LanguageModelTraining.Outcome;
import org.setun.training.lm.LanguageModelTraining.Resume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

class LanguageModelTrainingTest {

    @TempDir
    Path folder;
    private Path text;

    @BeforeEach
    void writeText() throws IOException {
        text = Runs.text(folder.resolve("text"));
    }

    private TrainingConfig config(String... overrides) {
        return Runs.config(text, folder.resolve("run"), overrides);
    }

    @Test
    void aTernaryModelAndItsTwinLearnFromTheSameBatches() throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(config("training.max_steps=150", "training.eval_every=50",
                        "schedule.total_steps=150", "training.sample_prompt=\"the cat \""), backend)) {
            List<TrainingEvent.Sampled> samples = new ArrayList<>();
            training.listener((event, control) -> {
                if (event instanceof TrainingEvent.Sampled sampled) {
                    samples.add(sampled);
                }
            });
            Outcome ternary = training.train(WeightQuantizer.TERNARY, Resume.NEW);
            Outcome twin = training.train(WeightQuantizer.NONE, Resume.NEW);
            assertThat(ternary.result().losses()).hasSameSizeAs(twin.result().losses());
            assertThat(ternary.result().losses()[0]).as("the same first batch and weights").isEqualTo(twin.result().losses()[0],
                    within(0.1));
            assertThat(ternary.bitsPerByte()).isBetween(0.3, 1.2).isLessThan(8);
            assertThat(twin.bitsPerByte()).isBetween(0.3, 1.2);
            assertThat(ternary.perplexity()).isGreaterThan(1);
            assertThat(ternary.result().evaluations()).hasSize(3);
            assertThat(samples).hasSize(6).allMatch(sample -> !sample.text().isEmpty());
            assertThat(samples.get(2).text()).as("it has learned verbs").containsAnyOf("sees", "likes", "finds", "paints", "never");
        }
        assertThat(folder.resolve("run/ternary/events.jsonl")).exists();
        assertThat(folder.resolve("run/fp32/config.toml")).content().contains("weights = \"none\"");
    }

    @Test
    void aCheckpointHoldsTheWholeModel() throws IOException {
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            float[] trained;
            int[] prompt;
            try (LanguageModelTraining training = LanguageModelTraining.open(config(), backend)) {
                Outcome outcome = training.train(Resume.NEW);
                prompt = training.tokenizer().encode("the cat", false);
                Tape tape = Tape.evaluating(backend, workspace);
                trained = outcome.model().forward(tape, Tensor.of(workspace, prompt, prompt.length), 1, prompt.length).toArray();
                tape.reset();
            }
            Path newest = CheckpointStore.list(folder.resolve("run/ternary")).getLast();
            TrainedModel model = TrainedModel.load(newest, pool);
            assertThat(model.state().step()).isEqualTo(12);
            assertThat(model.tokenizer().encode("the cat", false)).containsExactly(prompt);
            Tape tape = Tape.evaluating(backend, workspace);
            float[] loaded = model.decoder().forward(tape, Tensor.of(workspace, prompt, prompt.length), 1, prompt.length).toArray();
            tape.reset();
            assertThat(loaded).containsExactly(trained);
        }
    }

    @Test
    void tokensAreMadeOnceAndAnewWhenTheTextChanges() throws IOException {
        Path tokens = folder.resolve("run/data/train.tokens");
        FileTime old = FileTime.fromMillis(1_000_000_000_000L);
        try (Backend backend = Backends.open()) {
            LanguageModelTraining.open(config(), backend).close();
            Files.setLastModifiedTime(tokens, old);
            LanguageModelTraining.open(config(), backend).close();
            assertThat(Files.getLastModifiedTime(tokens)).isEqualTo(old);
            Files.writeString(text, "and so on.\n", StandardOpenOption.APPEND);
            LanguageModelTraining.open(config(), backend).close();
            assertThat(Files.getLastModifiedTime(tokens)).isNotEqualTo(old);
            Files.write(tokens, Arrays.copyOf(Files.readAllBytes(tokens), 100));
            try (LanguageModelTraining again = LanguageModelTraining.open(config(), backend)) {
                assertThat(again.corpus().training().count()).as("a damaged token file is made anew").isGreaterThan(1000);
                assertThat(again.corpus().training().textBytes()).isEqualTo(again.corpus().corpus().trainingBytes());
            }
        }
    }

    @Test
    void theTokenizerIsMadeOnceAndAnewWhenItsSettingsOrTextChange() throws IOException {
        Path tokenizer = folder.resolve("run/data/tokenizer.json");
        try (Backend backend = Backends.open()) {
            LanguageModelTraining.open(config(), backend).close();
            byte[] first = Files.readAllBytes(tokenizer);
            FileTime old = FileTime.fromMillis(1_000_000_000_000L);
            Files.setLastModifiedTime(tokenizer, old);
            LanguageModelTraining.open(config(), backend).close();
            assertThat(Files.getLastModifiedTime(tokenizer)).isEqualTo(old);
            try (LanguageModelTraining larger = LanguageModelTraining.open(config("tokenizer.vocab_size=320"), backend)) {
                assertThat(larger.tokenizer().vocabSize()).isEqualTo(320);
                assertThat(larger.corpus().training().vocabulary()).isEqualTo(320);
            }
            LanguageModelTraining.open(config(), backend).close();
            assertThat(Files.readAllBytes(tokenizer)).isEqualTo(first);
            Files.writeString(text, Files.readString(text).replace("cat", "owl")); // as long as before
            try (LanguageModelTraining changed = LanguageModelTraining.open(config(), backend)) {
                assertThat(Files.readAllBytes(tokenizer)).isNotEqualTo(first);
                int[] ids = new int[200];
                MemorySegment head = MemorySegment.ofArray(ids);
                changed.corpus().training().copy(0, ids.length, head, 0);
                assertThat(changed.tokenizer().decode(ids))
                        .isEqualTo(Files.readString(text).substring(0, changed.tokenizer().decode(ids).length()));
            }
        }
    }

    @Test
    void aRunGoesOnWithItsOwnTokenizerOnly() throws IOException {
        try (Backend backend = Backends.open()) {
            try (LanguageModelTraining training = LanguageModelTraining.open(config("training.max_steps=2"), backend)) {
                training.train(Resume.NEW);
            }
            Files.writeString(text, Files.readString(text).replace("cat", "owl"));
            try (LanguageModelTraining changed = LanguageModelTraining.open(config("training.max_steps=4"), backend)) {
                assertThatIllegalArgumentException().isThrownBy(() -> changed.train(Resume.LATEST))
                        .withMessageContaining("another tokenizer")
                        .withMessageContaining("tokenizer.file");
            }
            Path own = folder.resolve("run/ternary/step-00000002/tokenizer.json");
            try (LanguageModelTraining changed = LanguageModelTraining.open(
                    config("training.max_steps=4", "tokenizer.file=\"" + own + "\""), backend)) {
                assertThat(changed.train(Resume.LATEST).result().steps()).isEqualTo(4);
            }
        }
    }

    @Test
    void withoutACheckpointFolderNothingStays() throws IOException {
        TrainingConfig config = ConfigReader.override(config("training.max_steps=2"), List.of("checkpoint.folder=\"\""));
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config, backend)) {
            assertThat(training.train(Resume.NEW).result().checkpoint()).isNull();
        }
        assertThat(folder.resolve("run")).doesNotExist();
    }

    @Test
    void tensorBoardGetsAFileOfEachRun() throws IOException {
        for (int half = 1; half <= 2; half++) {
            try (Backend backend = Backends.open();
                    LanguageModelTraining training = LanguageModelTraining.open(
                            config("training.max_steps=" + 2 * half, "logging.tensorboard=board"), backend)) {
                training.train(Resume.LATEST);
            }
        }
        try (Stream<Path> files = Files.list(folder.resolve("run/ternary/board"))) {
            assertThat(files).isNotEmpty().allSatisfy(file -> {
                assertThat(file.getFileName().toString()).startsWith("events.out.tfevents.");
                assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)).contains("brain.Event:2", "train/loss",
                        "eval/bits_per_byte");
            });
        }
    }

    @Test
    void monitoringCanBeSwitchedOff() throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(
                        config("training.max_steps=2", "logging.monitoring_enabled=false"), backend)) {
            training.train(Resume.NEW);
        }
        assertThat(folder.resolve("run/ternary/events.jsonl")).doesNotExist();
    }

    @Test
    void aContextLongerThanTheTextIsExplained() throws IOException {
        Files.writeString(text, "ab\n".repeat(12));
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(config("model.context=64"), backend)) {
            assertThatIllegalArgumentException().isThrownBy(() -> training.train(Resume.NEW))
                    .withMessageContaining("shorter than the context of 64");
        }
    }

    @Test
    void theBaselineAndTheSpeedAreMeasured() throws IOException {
        try (Backend backend = Backends.open(); LanguageModelTraining training = LanguageModelTraining.open(config(), backend)) {
            assertThat(training.ngramBitsPerByte(5)).isBetween(0.2, 2.0);
            assertThat(training.secondsPerStep(WeightQuantizer.TERNARY, 3)).isBetween(1e-5, 10.0);
        }
        assertThat(folder.resolve("run/ternary")).doesNotExist();
    }

    @Test
    void modelsOfOneKindStandSideBySideUnderNamesOfTheirOwn() throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(config("training.max_steps=2"), backend)) {
            Outcome first = training.train("rate-1", Resume.NEW);
            training.override(List.of("schedule.learning_rate=0.003"));
            Outcome second = training.train("rate-2", Resume.NEW);
            assertThat(first.result().losses()[0]).isEqualTo(second.result().losses()[0]);
            assertThat(first.bitsPerByte()).isNotEqualTo(second.bitsPerByte());
            assertThat(CheckpointStore.list(folder.resolve("run/rate-1"))).hasSize(1);
            assertThat(CheckpointStore.list(folder.resolve("run/rate-2"))).hasSize(1);
            for (String bad : List.of("", "..", "a/b", ".lock", "data")) {
                assertThatIllegalArgumentException().isThrownBy(() -> training.train(bad, Resume.NEW)).withMessageContaining("run '" + bad);
            }
        }
    }
}
