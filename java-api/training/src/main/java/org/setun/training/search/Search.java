package org.setun.training.search;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.formats.AtomicFile;
import org.setun.formats.FormatException;
import org.setun.kernels.PoolExhaustedException;
import org.setun.training.TrainingException;
import org.setun.training.search.Sampler.Observation;

/**
 * A search over a space, trial by trial; what is known is in {@code search.json} after each, from which a search that was stopped goes on and comes to
 * the same trials. One thread.
 */
public final class Search {

    /** How points are chosen. */
    public enum Method {
        /** Independently of each other. */
        RANDOM,
        /** {@link ParzenSampler}. */
        TPE
    }

    /**
     * What a search does; recorded in its file.
     *
     * @param space   at least one dimension, all of different keys
     * @param method  how points are chosen
     * @param halving how many steps a trial gets
     * @param seed    of all chance
     * @param objective what else values depend on, such as a digest of the configuration; a search goes on only with the same
     */
    public record Settings(List<Dimension> space, Method method, Halving halving, long seed, String objective) {

        public Settings {
            space = List.copyOf(space);
            if (space.isEmpty() || space.stream().map(Dimension::key).distinct().count() < space.size()) {
                throw new IllegalArgumentException("the space " + space + " must have at least one key, each once");
            }
        }
    }

    /** What is to be as low as possible. */
    @FunctionalInterface
    public interface Objective {

        /**
         * The value of {@code trial} after {@code steps} steps in all, of which it has done {@link Trial#steps} already.
         *
         * @return empty if the search was asked to stop: the trial stays as it was
         * @throws TrainingException        if the trial fails, as by divergence: it counts as the worst there is
         * @throws IllegalArgumentException if the values cannot be had together; counts the same
         * @throws PoolExhaustedException   if there is too little memory for them; counts the same
         */
        Optional<Double> value(Trial trial, long steps) throws IOException;
    }

    /** The file, as a tree. */
    private record Content(Map<String, String> settings, List<Trial> trials) {
    }

    private static final String FILE = "search.json";
    private static final long MAX_BYTES = 256 << 20;
    private static final int STARTUP = 10;
    private static final ObjectMapper MAPPER = JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();

    private final Path file;
    private final Settings settings;
    private final Sampler sampler;
    private final List<Trial> trials = new ArrayList<>();

    private Search(Path file, Settings settings) {
        this.file = file;
        this.settings = settings;
        sampler = switch (settings.method()) {
            case RANDOM -> Sampler.random(settings.space().size(), settings.seed());
            case TPE -> new ParzenSampler(settings.space(), settings.seed(), STARTUP);
        };
    }

    /**
     * Opens the search in {@code folder}, which is made if missing.
     *
     * @throws IllegalArgumentException if the folder holds a search with other settings
     * @throws FormatException          if its file is damaged
     */
    public static Search open(Path folder, Settings settings) throws IOException {
        Files.createDirectories(folder);
        Search search = new Search(folder.resolve(FILE), settings);
        search.read();
        return search;
    }

    private void read() throws IOException {
        if (Files.notExists(file)) {
            return;
        }
        if (Files.size(file) > MAX_BYTES) {
            throw new FormatException(file.toString(), FormatException.NO_OFFSET, "length",
                    Files.size(file) + " bytes, at most " + MAX_BYTES, "");
        }
        Content content;
        try {
            content = MAPPER.readValue(Files.readAllBytes(file), Content.class);
        } catch (JsonProcessingException e) {
            throw new FormatException(file.toString(), FormatException.NO_OFFSET, "JSON", e.getOriginalMessage(),
                    "delete the file to begin anew", e);
        }
        if (content == null || content.settings() == null || content.trials() == null) {
            throw new FormatException(file.toString(), FormatException.NO_OFFSET, "JSON", "holds no settings and trials",
                    "delete the file to begin anew");
        }
        describe().forEach((key, value) -> {
            String present = content.settings().get(key);
            if (!value.equals(present)) {
                throw new IllegalArgumentException(file + " holds a search with " + key + " = " + present + ", not " + value
                        + ": choose another folder, or the same settings");
            }
        });
        content.trials().forEach(this::add);
    }

    /** Adds what was read, once it is what a search writes. */
    private void add(@Nullable Trial trial) {
        boolean sound = trial != null && trial.number() == trials.size() && trial.point() != null
                && trial.point().size() == settings.space().size() && trial.point().stream().allMatch(u -> u != null && u >= 0 && u < 1)
                && values(trial.point()).equals(trial.values()) && trial.scores() != null && areSound(trial.scores());
        if (!sound) {
            throw new FormatException(file.toString(), FormatException.NO_OFFSET, "trial " + trials.size(),
                    "does not belong to this search", "delete the file to begin anew");
        }
        trials.add(trial);
    }

    /** Whether scores are those of the first rungs, with a value or the reason why there is none. */
    private boolean areSound(List<Trial.Score> scores) {
        List<Long> rungs = settings.halving().rungs();
        boolean sound = !scores.isEmpty() && scores.size() <= rungs.size();
        for (int i = 0; sound && i < scores.size(); i++) {
            Trial.Score score = scores.get(i);
            sound = score != null && score.steps() == rungs.get(i) && score.failure() != null && Double.isFinite(score.seconds())
                    && (score.value() == null || Double.isFinite(score.value()));
        }
        return sound;
    }

    /** What the keys are set to at a point. */
    private Map<String, String> values(List<Double> point) {
        Map<String, String> values = new LinkedHashMap<>();
        for (int d = 0; d < point.size(); d++) {
            values.put(settings.space().get(d).key(), settings.space().get(d).value(point.get(d)));
        }
        return values;
    }

    private Map<String, String> describe() {
        Map<String, String> text = new LinkedHashMap<>();
        text.put("space", settings.space().toString());
        text.put("method", settings.method().toString());
        text.put("halving", settings.halving().toString());
        text.put("seed", Long.toString(settings.seed()));
        text.put("objective", settings.objective());
        return text;
    }

    /**
     * Runs until there are {@code count} trials and none is worth more steps, or the objective stops.
     *
     * @param each told of every trial when its value is known
     * @return false if it was stopped
     */
    public boolean run(int count, Objective objective, Consumer<Trial> each) throws IOException {
        while (true) {
            Optional<Halving.Promotion> promotion = settings.halving().promotion(trials);
            if (promotion.isEmpty() && trials.size() >= count) {
                return true;
            }
            Trial trial = promotion.map(Halving.Promotion::trial).orElseGet(this::next);
            long steps = promotion.map(Halving.Promotion::steps).orElse(settings.halving().rungs().getFirst());
            Optional<Trial> scored = score(trial, steps, objective);
            if (scored.isEmpty()) {
                return false;
            }
            if (trial.number() == trials.size()) {
                trials.add(scored.get());
            } else {
                trials.set(trial.number(), scored.get());
            }
            byte[] json = MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(new Content(describe(), trials));
            AtomicFile.write(file, json);
            each.accept(scored.get());
        }
    }

    /** A trial that is not yet counted. */
    private Trial next() {
        List<Double> point = Arrays.stream(sampler.suggest(trials.size(), known())).boxed().toList();
        return new Trial(trials.size(), point, values(point), List.of());
    }

    /** What compares: values after the same number of steps, of the highest rung that enough trials have reached. */
    private List<Observation> known() {
        List<Long> rungs = settings.halving().rungs();
        List<Observation> known = List.of();
        for (int i = rungs.size() - 1; i >= 0 && known.size() < Math.max(STARTUP, settings.space().size() + 2); i--) {
            long steps = rungs.get(i);
            known = trials.stream().filter(trial -> trial.at(steps).isPresent()).map(trial -> observation(trial, steps)).toList();
        }
        return known;
    }

    private static Observation observation(Trial trial, long steps) {
        Double value = trial.at(steps).orElseThrow().value();
        return new Observation(trial.point().stream().mapToDouble(Double::doubleValue).toArray(),
                value == null ? Double.POSITIVE_INFINITY : value);
    }

    private static Optional<Trial> score(Trial trial, long steps, Objective objective) throws IOException {
        long start = System.nanoTime();
        @Nullable
        Double value = null;
        String failure = "";
        try {
            Optional<Double> reached = objective.value(trial, steps);
            if (reached.isEmpty()) {
                return Optional.empty();
            }
            if (Double.isFinite(reached.get())) {
                value = reached.get();
            } else {
                failure = "the value is " + reached.get();
            }
        } catch (TrainingException | IllegalArgumentException | PoolExhaustedException e) {
            failure = String.valueOf(e.getMessage());
        }
        List<Trial.Score> scores = new ArrayList<>(trial.scores());
        scores.add(new Trial.Score(steps, value, failure, (System.nanoTime() - start) / 1e9));
        return Optional.of(new Trial(trial.number(), trial.point(), trial.values(), List.copyOf(scores)));
    }

    /** All trials by number. */
    public List<Trial> trials() {
        return List.copyOf(trials);
    }

    /** The best of those that were trained longest; empty if none succeeded. */
    public Optional<Trial> best() {
        return trials.stream().filter(trial -> Double.isFinite(trial.value()))
                .min(Comparator.comparingLong((Trial trial) -> -trial.steps()).thenComparingDouble(Trial::value));
    }
}
