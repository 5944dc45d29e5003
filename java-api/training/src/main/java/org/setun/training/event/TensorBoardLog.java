package org.setun.training.event;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Writes the numbers of a run as an event file for TensorBoard: {@code train/...}, {@code eval/...}, {@code terms/...}, {@code codes/...},
 * {@code checkpoint/...}, one scalar per step. A resumed run adds a file to the folder, as TensorBoard expects. Reports and evaluations are on disk's
 * way before the loop goes on; single steps wait for the next report. What cannot be written is dropped with a warning. Not thread-safe.
 *
 * <p>The file is a sequence of TFRecords: u64 length, masked CRC-32C of the length, the bytes, masked CRC-32C of the bytes, all little-endian. The bytes are
 * an {@code Event} of tensorflow/core/util/event.proto in the encoding of protocol buffers: field 1 wall time (f64), 2 step, 3 file version, 5 summary,
 * whose field 1 are values of tag (1) and simple value (2, f32).
 */
public final class TensorBoardLog implements TrainingListener, AutoCloseable {

    private static final int MASK_DELTA = 0xa282ead8;
    private static final int MASK_SHIFT = 15;
    private static final int MOST_PENDING = 1 << 16;

    private final Path path;
    private final LogFile file;
    private final ByteArrayOutputStream pending = new ByteArrayOutputStream();
    private final Clock clock;
    private boolean isBegun;

    /** Starts a new event file in {@code folder}, which is made if missing. */
    public TensorBoardLog(Path folder) throws IOException {
        this(folder, Clock.systemUTC());
    }

    TensorBoardLog(Path folder, Clock clock) throws IOException {
        this.clock = clock;
        Files.createDirectories(folder);
        path = folder.resolve("events.out.tfevents." + clock.instant().getEpochSecond() + "." + ProcessHandle.current().pid());
        file = new LogFile(path, FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
        begin();
    }

    /** What an event file begins with. */
    private void begin() {
        Message version = event(0);
        version.bytes(3, "brain.Event:2".getBytes(StandardCharsets.US_ASCII));
        record(version.toByteArray());
    }

    /** The event file. */
    public Path file() {
        return path;
    }

    @Override
    public void on(TrainingEvent event, Control control) {
        Map<String, Double> scalars = scalars(event);
        if (!scalars.isEmpty()) {
            record(encoded(event.step(), scalars));
        }
        if (!(event instanceof TrainingEvent.Step) || pending.size() > MOST_PENDING) {
            write(control);
        }
    }

    private void write(Control control) {
        isBegun |= file.append(pending.toByteArray(), control);
        pending.reset();
        if (!isBegun) {
            begin();
        }
    }

    private static Map<String, Double> scalars(TrainingEvent event) {
        Map<String, Double> scalars = new LinkedHashMap<>();
        switch (event) {
            case TrainingEvent.Step e -> {
                scalars.put("train/loss", e.loss());
                scalars.put("train/learning_rate", e.learningRate());
                scalars.put("train/gradient_norm", e.gradientNorm());
                if (e.terms().size() > 1) {
                    e.terms().forEach((name, value) -> scalars.put("terms/" + name, value));
                }
            }
            case TrainingEvent.Skipped e -> scalars.put("train/skipped_in_row", (double) e.inRow());
            case TrainingEvent.Progress e -> scalars.put("train/units_per_second", e.unitsPerSecond());
            case TrainingEvent.Evaluated e -> {
                scalars.put("eval/loss", e.loss());
                scalars.put("eval/" + e.metric(), e.value());
            }
            case TrainingEvent.Codes e -> e.layers().forEach((layer, changes) -> {
                scalars.put("codes/changed/" + layer, changes.changed());
                scalars.put("codes/oscillating/" + layer, changes.oscillating());
                scalars.put("codes/frozen/" + layer, changes.frozen());
            });
            case TrainingEvent.Saved e -> {
                scalars.put("checkpoint/stall_seconds", e.stallSeconds());
                scalars.put("checkpoint/seconds", e.seconds());
            }
            default -> {
                // no numbers over the steps
            }
        }
        return scalars;
    }

    private byte[] encoded(long step, Map<String, Double> scalars) {
        Message summary = new Message();
        for (Map.Entry<String, Double> scalar : scalars.entrySet()) {
            Message value = new Message();
            value.bytes(1, scalar.getKey().getBytes(StandardCharsets.UTF_8));
            value.f32(2, scalar.getValue().floatValue());
            summary.bytes(1, value.toByteArray());
        }
        Message event = event(step);
        event.bytes(5, summary.toByteArray());
        return event.toByteArray();
    }

    private Message event(long step) {
        Message event = new Message();
        event.f64(1, clock.millis() / 1e3);
        event.varint(2, step);
        return event;
    }

    private void record(byte[] data) {
        byte[] length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(data.length).array();
        pending.writeBytes(length);
        pending.writeBytes(masked(length));
        pending.writeBytes(data);
        pending.writeBytes(masked(data));
    }

    /** The CRC rotated and shifted by a constant, so that records within records do not have the CRC of their own CRC. */
    private static byte[] masked(byte[] data) {
        CRC32C sum = new CRC32C();
        sum.update(data, 0, data.length);
        int crc = (int) sum.getValue();
        return ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN)
                .putInt(Integer.rotateRight(crc, MASK_SHIFT) + MASK_DELTA).array();
    }

    @Override
    public void close() throws IOException {
        try (file) {
            write(reason -> {
            }); // whatever is lost here, the run is over
        }
    }

    /** A message of protocol buffers. */
    private static final class Message extends ByteArrayOutputStream {

        private static final int VARINT = 0;
        private static final int FIXED64 = 1;
        private static final int LENGTH = 2;
        private static final int FIXED32 = 5;

        private void key(int field, int wire) {
            raw((long) field << 3 | wire);
        }

        private void raw(long value) {
            long rest = value;
            while ((rest & ~0x7FL) != 0) {
                write((int) (rest & 0x7F | 0x80));
                rest >>>= 7;
            }
            write((int) rest);
        }

        void varint(int field, long value) {
            key(field, VARINT);
            raw(value);
        }

        void f64(int field, double value) {
            key(field, FIXED64);
            writeBytes(ByteBuffer.allocate(Double.BYTES).order(ByteOrder.LITTLE_ENDIAN).putDouble(value).array());
        }

        void f32(int field, float value) {
            key(field, FIXED32);
            writeBytes(ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
        }

        void bytes(int field, byte[] value) {
            key(field, LENGTH);
            raw(value.length);
            writeBytes(value);
        }
    }
}
