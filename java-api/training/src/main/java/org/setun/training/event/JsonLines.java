package org.setun.training.event;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Appends events to a file, one JSON object per line: {@code time} (ISO 8601), {@code event} (the record's name in snake_case), then the
 * record's components. Numbers that are not finite become null, as JSON has none. Each line is on disk's way before the loop goes on, so a
 * killed run loses none but the last. What cannot be written is dropped with a warning: a full disk does not end the run. Not thread-safe.
 */
public final class JsonLines implements TrainingListener, AutoCloseable {

    private final LogFile file;
    private final Clock clock;
    private final ObjectMapper json = new ObjectMapper();
    private boolean cut; // the line that a killed run left unfinished must not swallow the first of this one

    /** Appends to {@code file}, which is made with its folders if missing. */
    public JsonLines(Path file) throws IOException {
        this(file, Clock.systemUTC());
    }

    JsonLines(Path file, Clock clock) throws IOException {
        this.clock = clock;
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        cut = endsWithinLine(file);
        this.file = new LogFile(file, FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
    }

    private static boolean endsWithinLine(Path file) throws IOException {
        if (!Files.exists(file) || Files.size(file) == 0) {
            return false;
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer last = ByteBuffer.allocate(1);
            return channel.read(last, channel.size() - 1) == 1 && last.get(0) != '\n';
        }
    }

    @Override
    public void on(TrainingEvent event, Control control) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", clock.instant().toString());
        line.putAll(fields(event));
        boolean written = file.append(((cut ? "\n" : "") + text(line) + "\n").getBytes(StandardCharsets.UTF_8), control);
        cut &= !written;
    }

    private String text(Map<String, Object> line) {
        try {
            return json.writeValueAsString(line);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot write " + line, e);
        }
    }

    /** The event as JSON fields, {@code event} first. */
    public static Map<String, Object> fields(TrainingEvent event) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("event", snakeCase(event.getClass().getSimpleName()));
        try {
            for (RecordComponent component : event.getClass().getRecordComponents()) {
                Object value = component.getAccessor().invoke(event);
                boolean finite = !(value instanceof Double number) || Double.isFinite(number);
                fields.put(snakeCase(component.getName()), finite ? value instanceof Path path ? path.toString() : value : null);
            }
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot read " + event, e);
        }
        return fields;
    }

    private static String snakeCase(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
