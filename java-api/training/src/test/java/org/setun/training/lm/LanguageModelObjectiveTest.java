package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;
import org.setun.training.config.ConfigException;
import org.setun.training.config.TrainingConfig;
import org.setun.training.search.Dimension;
import org.setun.training.search.Halving;
import org.setun.training.search.Search;
import org.setun.training.search.Trial;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Trials are training runs of their own: what is measured is theirs alone, and what cannot be measured ends no search. */
class LanguageModelObjectiveTest {

    private static final List<Dimension> RATE = List.of(Dimension.parse("schedule.learning_rate=log(1e-4, 1e-1)"));

    @TempDir
    Path folder;
    private Path text;
    private final Backend backend = Backends.open();

    @BeforeEach
    void writeText() throws IOException {
        text = Runs.text(folder.resolve("text"));
    }

    @AfterEach
    void close() {
        backend.close();
    }

    private TrainingConfig config(String... overrides) {
        return Runs.config(text, folder.resolve("unused"), overrides);
    }

    private LanguageModelObjective objective(String name, List<Dimension> space, String... overrides) throws IOException {
        return new LanguageModelObjective(config(overrides), folder.resolve(name), space, backend, new StopFlag(), null);
    }

    private static Trial trial(int number, String... keysAndValues) {
        Map<String, String> values = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            values.put(keysAndValues[i], keysAndValues[i + 1]);
        }
        return new Trial(number, List.of(0.5), values, List.of());
    }

    /** The file of a search can be deleted, or lost, and its trials be left. */
    @Test
    void aTrialDoesNotGoOnFromAnotherOfItsNumber() throws IOException {
        LanguageModelObjective objective = objective("search", RATE);
        double high = objective.value(trial(0, "schedule.learning_rate", "0.02"), 12).orElseThrow();
        double low = objective.value(trial(0, "schedule.learning_rate", "0.0002"), 12).orElseThrow();
        assertThat(low).isNotEqualTo(high)
                .isEqualTo(objective("fresh", RATE).value(trial(0, "schedule.learning_rate", "0.0002"), 12).orElseThrow());
        LanguageModelObjective wider = objective("search", RATE, "model.dim=48");
        assertThat(wider.value(trial(0, "schedule.learning_rate", "0.02"), 12)).as("nor from one of another shape").isPresent();
        assertThat(objective.digest()).isEqualTo(objective("elsewhere", RATE).digest()).isNotEqualTo(wider.digest());
    }

    /** Few steps of a schedule that ends later are its beginning; a value that was lost is found again. */
    @Test
    void aTrialOfFewStepsIsTheBeginningOfTheSameRun() throws IOException {
        String[] schedule = {"progressive.kind=mix", "progressive.end_step=10", "schedule.total_steps=0"};
        Trial trial = trial(0, "schedule.learning_rate", "0.02");
        LanguageModelObjective parts = objective("parts", RATE, schedule);
        assertThat(parts.mostSteps()).isEqualTo(12);
        double four = parts.value(trial, 4).orElseThrow();
        assertThat(parts.value(trial, 4)).as("the same checkpoint").hasValue(four);
        double all = parts.value(trial, 12).orElseThrow();
        assertThat(objective("whole", RATE, schedule).value(trial, 12)).hasValue(all);
        assertThat(four).isNotEqualTo(all);
    }

    @Test
    void whatCannotBeTrainedIsAFailedTrial() throws IOException {
        List<Dimension> space = List.of(Dimension.parse("model.dim=choice(32, 36)"), Dimension.parse("model.heads=choice(2, 4, 16)"),
                Dimension.parse("quantization.layers=choice(*ffn_down=q4_0, *ffn_down=8)"));
        LanguageModelObjective objective = objective("search", space);
        Search search = Search.open(folder.resolve("search"),
                new Search.Settings(space, Search.Method.RANDOM, new Halving(2, 12, 3), 1, objective.digest()));
        assertThat(search.run(12, objective, each -> {
        })).isTrue();
        assertThat(search.trials()).hasSize(12);
        assertThat(search.trials()).anySatisfy(failed -> assertThat(failed.scores().getLast().failure()).contains("model.heads = 16"));
        assertThat(search.best().orElseThrow().steps()).isEqualTo(12);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            quantization.weights=choice(ternary, banana, none) | quantization.weights = "banana"
            quantization.embedding=choice(none, 9, 8)          | quantization.embedding = 9
            training.max_steps=integer(5, 10)                  | training.max_steps: the search sets this key itself
            checkpoint.folder=choice(a, b)                     | checkpoint.folder: the search sets this key itself
            """)
    void everyValueOfTheSpaceIsTriedBefore(String space, String message) {
        assertThatThrownBy(() -> objective("search", List.of(Dimension.parse(space)))).isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void passesOverTheTextAreSteps() throws IOException {
        LanguageModelObjective objective = objective("search", RATE, "training.epochs=0.5", "training.batch_size=64",
                "schedule.total_steps=0");
        assertThat(objective.mostSteps()).isBetween(13L, 60L);
        TrainingConfig best = objective.configuration(trial(0, "schedule.learning_rate", "0.02"));
        assertThat(best.training().maxSteps()).isEqualTo(objective.mostSteps());
        assertThat(best.scheduleSteps()).isEqualTo(objective.mostSteps());
        assertThat(best.training().epochs()).isZero();
        assertThat(best.schedule().learningRate()).isEqualTo(0.02);
        assertThat(best.checkpoint()).isEqualTo(config().checkpoint());
    }

    @Test
    void aFolderMayHaveQuotes() throws IOException {
        assertThat(objective("a \"quoted\" folder", RATE).value(trial(3, "schedule.learning_rate", "0.02"), 2)).isPresent();
        assertThat(Files.isDirectory(folder.resolve("a \"quoted\" folder").resolve("data"))).isTrue();
    }
}
