package org.setun.training.search;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.kernels.PoolExhaustedException;
import org.setun.training.TrainingException;
import org.setun.training.config.ConfigException;
import org.setun.training.search.Search.Method;
import org.setun.training.search.Search.Settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Searches of functions whose lowest point is known. */
class SearchTest {

    private static final List<Dimension> SPACE = List.of(Dimension.parse("a.rate=log(1e-5, 1)"), Dimension.parse("a.share=uniform(-1, 1)"),
            Dimension.parse("a.kind=choice(x, y, z)"), Dimension.parse("a.width=integer(1, 64)"));

    @TempDir
    Path folder;

    /** Lowest, 0, at rate 1e-3, share 0.3, kind y, width 40. */
    private static double value(Map<String, String> values) {
        double rate = Math.log10(Double.parseDouble(values.get("a.rate"))) + 3;
        double share = Double.parseDouble(values.get("a.share")) - 0.3;
        double width = (Double.parseDouble(values.get("a.width")) - 40) / 40;
        return rate * rate + 4 * share * share + width * width + (values.get("a.kind").equals("y") ? 0 : 0.5);
    }

    /** The more steps, the nearer to the function's value. */
    private static double value(Trial trial, long steps) {
        return value(trial.values()) + 1.0 / steps;
    }

    private double best(Method method, int trials, long seed) throws IOException {
        Search search = Search.open(folder.resolve(method + "-" + seed), new Settings(SPACE, method, Halving.none(10), seed, "x"));
        assertThat(search.run(trials, (trial, steps) -> Optional.of(value(trial.values())), trial -> {
        })).isTrue();
        assertThat(search.trials()).hasSize(trials);
        return search.best().orElseThrow().value();
    }

    @Test
    void parzenEstimatorsFindLowerPointsThanChance() throws IOException {
        int wins = 0;
        double random = 0;
        double tpe = 0;
        for (int seed = 0; seed < 20; seed++) {
            double r = best(Method.RANDOM, 60, seed);
            double t = best(Method.TPE, 60, seed);
            wins += t < r ? 1 : 0;
            random += r / 20;
            tpe += t / 20;
        }
        assertThat(tpe).as("mean regret, random %s", random).isLessThan(0.5 * random);
        assertThat(wins).isGreaterThanOrEqualTo(16);
    }

    @Test
    void halvingSpendsStepsOnTheBest() throws IOException {
        long[] spent = {0};
        Halving halving = new Halving(1, 27, 3);
        assertThat(halving.rungs()).containsExactly(1L, 3L, 9L, 27L);
        assertThat(new Halving(2, 27, 3).rungs()).containsExactly(2L, 6L, 18L, 27L);
        Search search = Search.open(folder, new Settings(SPACE, Method.RANDOM, halving, 1, "x"));
        search.run(54, (trial, steps) -> {
            spent[0] += steps - trial.steps();
            return Optional.of(value(trial, steps));
        }, trial -> {
        });
        Trial best = search.best().orElseThrow();
        assertThat(best.steps()).isEqualTo(27);
        double lowest = search.trials().stream().mapToDouble(trial -> value(trial.values())).min().orElseThrow();
        assertThat(value(best.values())).isEqualTo(lowest);
        assertThat(spent[0]).as("54 trials of 27 steps are 1458").isLessThan(300);
        Map<Long, Integer> reached = new HashMap<>();
        search.trials().forEach(trial -> trial.scores().forEach(score -> reached.merge(score.steps(), 1, Integer::sum)));
        assertThat(reached).containsEntry(1L, 54).containsEntry(3L, 18).containsEntry(9L, 6).containsEntry(27L, 2);
    }

    /** Stopped anywhere, even in the middle of a trial, a search comes to the same trials. */
    @ParameterizedTest
    @EnumSource
    void goesOnWhereItWas(Method method) throws IOException {
        Settings settings = new Settings(SPACE, method, new Halving(1, 9, 3), 5, "x");
        Search whole = Search.open(folder.resolve("whole"), settings);
        whole.run(30, (trial, steps) -> Optional.of(value(trial, steps)), trial -> {
        });
        int[] left = {7};
        Search part;
        boolean finished;
        do {
            part = Search.open(folder.resolve("parts"), settings);
            left[0] = 7;
            finished = part.run(30, (trial, steps) -> left[0]-- > 0 ? Optional.of(value(trial, steps)) : Optional.empty(), trial -> {
            });
        } while (!finished);
        assertThat(part.trials().stream().map(Trial::values))
                .containsExactlyElementsOf(whole.trials().stream().map(Trial::values).toList());
        assertThat(part.trials().stream().map(Trial::value)).containsExactlyElementsOf(whole.trials().stream().map(Trial::value).toList());
        assertThatThrownBy(() -> Search.open(folder.resolve("parts"), new Settings(SPACE, method, new Halving(1, 9, 3), 6, "x")))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("seed = 5, not 6");
    }

    @Test
    void failedTrialsAreTheWorst() throws IOException {
        Search search = Search.open(folder, new Settings(SPACE, Method.TPE, new Halving(1, 3, 3), 2, "x"));
        List<Trial> told = new ArrayList<>();
        search.run(24, (trial, steps) -> {
            if (trial.number() % 2 == 0) {
                throw new TrainingException("diverged");
            }
            return Optional.of(trial.number() % 3 == 0 ? Double.NaN : value(trial.values()));
        }, told::add);
        assertThat(search.trials()).hasSize(24);
        assertThat(search.trials().get(0).scores().getLast().failure()).isEqualTo("diverged");
        assertThat(search.trials().get(3).scores().getLast().failure()).contains("NaN");
        assertThat(search.trials().stream().filter(trial -> trial.number() % 2 == 0)).allMatch(trial -> trial.steps() == 1);
        assertThat(search.best().orElseThrow().number() % 6).isIn(1, 5);
        assertThat(told).hasSizeGreaterThan(24);
    }

    /** Else the same trial comes again at the next start, for good. */
    @Test
    void whatCannotBeTriedCountsAsFailed() throws IOException {
        Settings settings = new Settings(SPACE, Method.TPE, Halving.none(1), 2, "x");
        Search search = Search.open(folder, settings);
        assertThat(search.run(6, (trial, steps) -> switch (trial.number()) {
            case 0 -> throw new ConfigException("model.heads = 3: must divide");
            case 1 -> throw new PoolExhaustedException("the budget has no room", 5);
            case 2 -> throw new IllegalArgumentException("inputs = 36 must be a multiple of 32");
            default -> Optional.of(1.0);
        }, trial -> {
        })).isTrue();
        assertThat(Search.open(folder, settings).trials().stream().limit(4).map(trial -> trial.scores().getLast().failure()))
                .containsExactly("model.heads = 3: must divide", "the budget has no room", "inputs = 36 must be a multiple of 32", "");
    }

    @Test
    void valuesOfAnotherObjectiveAreNotMixed() throws IOException {
        Search.open(folder, new Settings(SPACE, Method.TPE, Halving.none(1), 2, "one")).run(1, (trial, steps) -> Optional.of(1.0),
                trial -> {
                });
        assertThatThrownBy(() -> Search.open(folder, new Settings(SPACE, Method.TPE, Halving.none(1), 2, "two")))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("objective = one, not two");
    }

    @Test
    void aDamagedFileIsNamed() throws IOException {
        Settings settings = new Settings(SPACE, Method.RANDOM, Halving.none(1), 2, "x");
        Search.open(folder, settings).run(2, (trial, steps) -> Optional.of(1.0), trial -> {
        });
        Path file = folder.resolve("search.json");
        String text = Files.readString(file);
        for (String damaged : List.of("{", text.replaceFirst("\"point\" : \\[ [0-9.]+", "\"point\" : [ 7.5"),
                text.replace("\"number\" : 1", "\"number\" : 4"), "null", "{\"settings\" : null, \"trials\" : []}",
                text.replaceFirst("(?s)\"trials\" : .*", "\"trials\" : null }"),
                text.replaceFirst("(?s)\"trials\" : .*", "\"trials\" : [ null ] }"),
                text.replaceFirst("(?s)\"scores\" : \\[ .*?\\]", "\"scores\" : [ null ]"),
                text.replaceFirst("(?s)\"scores\" : \\[ .*?\\]", "\"scores\" : [ ]"), text.replaceFirst("\"steps\" : 1", "\"steps\" : 7"),
                text.replaceFirst("\"a.kind\" : \"", "\"checkpoint.folder\" : \"/elsewhere\", \"a.kind\" : \""),
                text.replaceFirst("\"a.kind\" : \"", "\"a.kind\" : \"not "), text.replaceFirst("\"value\" : 1.0", "\"value\" : \"NaN\""))) {
            assertThat(damaged).isNotEqualTo(text);
            Files.writeString(file, damaged);
            assertThatThrownBy(() -> Search.open(folder, settings)).isInstanceOf(FormatException.class).hasMessageContaining("search.json");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "a=log(1)", "a=log(0, 1)", "a=log(2, 1)", "a=uniform(x, 1)", "a=integer(1.5, 3)", "a=choice(x)",
            "a=choice(x, x)",
            "a=sometimes(1, 2)", "a=uniform(1, Infinity)"})
    void whatIsNoSpaceIsRefused(String text) {
        assertThatThrownBy(() -> Dimension.parse(text)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("a");
    }

    @Test
    void valuesCoverTheirRange() {
        assertThat(SPACE.get(0).value(0)).isEqualTo("1.000e-05");
        assertThat(Double.parseDouble(SPACE.get(0).value(0.6))).isBetween(0.9e-2, 1.1e-2);
        assertThat(SPACE.get(2).value(Math.nextDown(1.0))).isEqualTo("z");
        assertThat(SPACE.get(3).value(0)).isEqualTo("1");
        assertThat(SPACE.get(3).value(Math.nextDown(1.0))).isEqualTo("64");
        assertThatThrownBy(() -> new Settings(List.of(SPACE.get(0), SPACE.get(0)), Method.TPE, Halving.none(1), 0, "x"))
                .hasMessageContaining("each once");
        assertThatThrownBy(() -> new Halving(5, 4, 2)).hasMessageContaining("least steps = 5");
    }
}
