package org.setun.training.event;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
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
 * killed run loses none but the last. Not thread-safe.
 */
public final class JsonLines implements TrainingListener, AutoCloseable {

    private final Path file;
    private final Writer out;
    private final Clock clock;
    private final ObjectMapper json = new ObjectMapper();

    /** Appends to {@code file}, which is made with its folders if missing. */
    public JsonLines(Path file) throws IOException {
        this(file, Clock.systemUTC());
    }

    JsonLines(Path file, Clock clock) throws IOException {
        this.file = file;
        this.clock = clock;
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        boolean cut = endsWithinLine(file);
        out = Files.newBufferedWriter(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        if (cut) {
            out.write('\n'); // the line that a killed run left unfinished must not swallow the first of this one
        }
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
        try {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("time", clock.instant().toString());
            line.putAll(fields(event));
            out.write(json.writeValueAsString(line));
            out.write('\n');
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file, e);
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
        out.close();
    }
}
