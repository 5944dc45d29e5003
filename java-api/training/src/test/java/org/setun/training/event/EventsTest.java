package org.setun.training.event;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.training.callback.EarlyStopping;
import org.setun.training.config.TrainingConfig.LogLevel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class EventsTest {

    private static final List<TrainingEvent> ALL = List.of(
            new TrainingEvent.Started("t", 0, 10, 1234, "cpu"),
            new TrainingEvent.Step("t", 1, 2.5, 1e-3, 0.7, 32, Map.of("cross_entropy", 2.5)),
            new TrainingEvent.Progress("t", 1, 10, 2.5, 1e-3, 0.7, 999, 9, 1),
            new TrainingEvent.Evaluated("t", 1, 2.25, "bits_per_byte", 1.5, true),
            new TrainingEvent.Sampled("t", 1, "ab", "cd"),
            new TrainingEvent.Saved("t", 1, Path.of("x", "step-1"), 0.004, 0.125),
            new TrainingEvent.Skipped("t", 2, Double.NaN, Double.POSITIVE_INFINITY, 1),
            new TrainingEvent.Epoch("t", 2, 1, 640),
            new TrainingEvent.RolledBack("t", 1, 2, "the loss was not finite"),
            new TrainingEvent.Warning("t", 2, "careful"),
            new TrainingEvent.Finished("t", 2, "done", 3661));

    @Test
    void jsonLinesHaveTheTimeTheEventAndItsFields(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("deep").resolve("events.jsonl");
        Clock clock = Clock.fixed(Instant.parse("2026-01-02T03:04:05Z"), ZoneOffset.UTC);
        for (int half = 0; half < 2; half++) {
            try (JsonLines lines = new JsonLines(file, clock)) {
                ALL.forEach(event -> lines.on(event, reason -> {
                }));
            }
        }
        List<String> lines = Files.readAllLines(file);
        assertThat(lines).as("appends").hasSize(2 * ALL.size());
        List<String> events = new ArrayList<>();
        for (String line : lines.subList(0, ALL.size())) {
            JsonNode json = new ObjectMapper().readTree(line);
            assertThat(json.get("time").asText()).isEqualTo("2026-01-02T03:04:05Z");
            assertThat(json.get("run").asText()).isEqualTo("t");
            assertThat(json.get("step").isIntegralNumber()).isTrue();
            events.add(json.get("event").asText());
        }
        assertThat(events).containsExactly("started", "step", "progress", "evaluated", "sampled", "saved", "skipped", "epoch",
                "rolled_back", "warning",
                "finished");
        assertThat(lines.get(2)).contains("\"units_per_second\":999.0", "\"seconds_left\":9.0", "\"learning_rate\":0.001");
        assertThat(lines.get(6)).contains("\"loss\":null", "\"gradient_norm\":null", "\"in_row\":1");
    }

    @Test
    void aLineThatAKilledRunLeftUnfinishedStaysOnItsOwn(@TempDir Path temporary) throws IOException {
        Path file = Files.writeString(temporary.resolve("events.jsonl"), "{\"a\":1}\n{\"event\":\"st");
        try (JsonLines lines = new JsonLines(file)) {
            lines.on(ALL.getFirst(), reason -> {
            });
        }
        List<String> lines = Files.readAllLines(file);
        assertThat(lines).hasSize(3).startsWith("{\"a\":1}", "{\"event\":\"st");
        assertThat(new ObjectMapper().readTree(lines.get(2)).get("event").asText()).isEqualTo("started");
    }

    @ParameterizedTest
    @EnumSource(LogLevel.class)
    void theLogLevelChoosesWhatTheConsoleSays(LogLevel level) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ConsoleLog console = new ConsoleLog(new PrintStream(bytes, true, StandardCharsets.UTF_8), level);
        ALL.forEach(event -> console.on(event, reason -> {
        }));
        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertThat(lines).hasSize(switch (level) {
            case DEBUG -> ALL.size();
            case INFO -> ALL.size() - 1;
            case WARN -> 3;
            case OFF -> 0;
        });
        if (level == LogLevel.INFO) {
            assertThat(lines).contains("[t 1] of 10: loss 2.5000, learning rate 0.00100, 999/s, 9.0 s left, 1 steps skipped",
                    "[t 1] held out: loss 2.2500, bits per byte 1.5000 (best)", "[t 2] finished after 1:01:01: done");
        }
    }

    @Test
    void earlyStoppingWaitsForItsPatience() {
        EarlyStopping stopping = new EarlyStopping(2, 0.1);
        List<String> stops = new ArrayList<>();
        double[] losses = {3, 2, 1.95, 1.7, 1.69, 1.65};
        for (int i = 0; i < losses.length; i++) {
            stopping.on(new TrainingEvent.Evaluated("t", i, losses[i], "m", 0, false), stops::add);
            assertThat(stops).hasSize(i < 5 ? 0 : 1);
        }
        assertThat(stops.getFirst()).contains("1.7");
        assertThatIllegalArgumentException().isThrownBy(() -> new EarlyStopping(0, 0)).withMessageContaining("patience: 0");
    }
}
