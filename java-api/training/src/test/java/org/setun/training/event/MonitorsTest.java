package org.setun.training.event;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.setun.training.optimizer.QuantizedLayers.CodeChanges;

import static org.assertj.core.api.Assertions.assertThat;

/** Those who watch a run: the stream of events, and TensorBoard's files. */
@Timeout(60)
class MonitorsTest {

    private static TrainingEvent step(long step) {
        return new TrainingEvent.Step("t", step, 1.0 / step, 1e-3, 0.5, 8 * step, Map.of("loss", 1.0 / step));
    }

    @Test
    void everySubscriberGetsTheEventsInOrder() throws Exception {
        List<TrainingEvent> first = Collections.synchronizedList(new ArrayList<>());
        List<TrainingEvent> second = Collections.synchronizedList(new ArrayList<>());
        CompletableFuture<Void> done;
        CompletableFuture<Void> failed;
        try (EventStream stream = new EventStream()) {
            done = stream.subscribe(first::add);
            failed = stream.subscribe(event -> {
                throw new IllegalStateException("a monitor of no use");
            });
            for (long step = 1; step <= 500; step++) {
                if (step == 101) {
                    stream.subscribe(second::add);
                }
                stream.on(step(step), reason -> {
                });
            }
            assertThat(stream.dropped()).isZero();
        }
        done.get();
        assertThat(first).extracting(TrainingEvent::step).hasSize(500).isSorted();
        assertThat(second).as("from when it subscribed").extracting(TrainingEvent::step).hasSize(400).isSorted().startsWith(101L);
        assertThat(failed).isCompletedExceptionally();
    }

    @Test
    void aMonitorThatHangsHoldsUpNobody() throws Exception {
        CountDownLatch gate = new CountDownLatch(1);
        List<TrainingEvent> seen = Collections.synchronizedList(new ArrayList<>());
        try (EventStream stream = new EventStream(8)) {
            stream.subscribe(event -> {
                try {
                    gate.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                seen.add(event);
            });
            for (long step = 1; step <= 100; step++) {
                stream.on(step(step), reason -> {
                });
            }
            assertThat(stream.dropped()).isGreaterThanOrEqualTo(100 - 8 - 1).isLessThan(100);
            gate.countDown();
        }
        assertThat(seen).extracting(TrainingEvent::step).startsWith(1L).isSorted().hasSizeLessThanOrEqualTo(9);
    }

    /** Whoever watches may close the stream while the run goes on. */
    @Test
    void aClosedStreamHoldsUpNobody() {
        List<TrainingEvent> seen = Collections.synchronizedList(new ArrayList<>());
        EventStream stream = new EventStream();
        stream.subscribe(seen::add);
        stream.on(step(1), reason -> {
        });
        stream.close();
        stream.on(step(2), reason -> {
        });
        stream.close();
        assertThat(seen).extracting(TrainingEvent::step).containsExactly(1L);
        assertThat(stream.dropped()).isZero();
    }

    /** The first record, which every TensorBoard file begins with; made by hand from the formats, the CRCs with another program. */
    @Test
    void theFirstRecordHasTheKnownBytes(@TempDir Path folder) throws IOException {
        Path file;
        try (TensorBoardLog log = new TensorBoardLog(folder, Clock.fixed(Instant.ofEpochSecond(1), ZoneOffset.UTC))) {
            file = log.file();
        }
        assertThat(file.getFileName().toString()).startsWith("events.out.tfevents.1.");
        assertThat(HexFormat.of().formatHex(Files.readAllBytes(file))).isEqualTo(GOLDEN);
    }

    private static final String GOLDEN = "1a00000000000000129bd82d09000000000000f03f10001a0d627261696e2e4576656e743a32cc314e92";

    @Test
    void theNumbersOfARunAreRead(@TempDir Path folder) throws IOException {
        Path file;
        try (TensorBoardLog log = new TensorBoardLog(folder, Clock.fixed(Instant.ofEpochMilli(1_700_000_000_250L), ZoneOffset.UTC))) {
            file = log.file();
            List<TrainingEvent> events = List.of(new TrainingEvent.Started("t", 0, 10, 1234, "cpu"),
                    new TrainingEvent.Step("t", 1, 2.5, 1e-3, 0.75, 32, new LinkedHashMap<>(Map.of("cross_entropy", 2.0, "penalty", 0.5))),
                    new TrainingEvent.Step("t", 300, 1.5, 1e-3, Double.POSITIVE_INFINITY, 64, Map.of("loss", 1.5)),
                    new TrainingEvent.Progress("t", 300, 10, 2.5, 1e-3, 0.7, 999, 9, 1),
                    new TrainingEvent.Codes("t", 300, Map.of("blk.0.attn_q.weight", new CodeChanges(0.25, 0.125, 0.5))),
                    new TrainingEvent.Evaluated("t", 300, 2.25, "bits_per_byte", 1.5, true),
                    new TrainingEvent.Saved("t", 300, Path.of("x"), 0.25, 0.5),
                    new TrainingEvent.Skipped("t", 70_000, Double.NaN, 1, 3));
            events.forEach(event -> log.on(event, reason -> {
            }));
        }
        Map<Long, Map<String, Float>> read = new Reader(Files.readAllBytes(file)).read(1_700_000_000.25);
        assertThat(read.keySet()).containsExactly(0L, 1L, 300L, 70_000L);
        assertThat(read.get(1L)).containsOnly(Map.entry("train/loss", 2.5f), Map.entry("train/learning_rate", 1e-3f),
                Map.entry("train/gradient_norm", 0.75f), Map.entry("terms/cross_entropy", 2f), Map.entry("terms/penalty", 0.5f));
        assertThat(read.get(300L)).containsEntry("train/gradient_norm", Float.POSITIVE_INFINITY)
                .containsEntry("train/units_per_second", 999f)
                .containsEntry("codes/changed/blk.0.attn_q.weight", 0.25f).containsEntry("codes/frozen/blk.0.attn_q.weight", 0.5f)
                .containsEntry("eval/loss", 2.25f).containsEntry("eval/bits_per_byte", 1.5f)
                .containsEntry("checkpoint/stall_seconds", 0.25f)
                .doesNotContainKey("terms/loss");
        assertThat(read.get(70_000L)).containsOnly(Map.entry("train/skipped_in_row", 3f));
    }

    /** Reads event files with code of its own: fields in any order, CRCs bit by bit. */
    private static final class Reader {
        private final ByteBuffer in;

        Reader(byte[] bytes) {
            in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        }

        Map<Long, Map<String, Float>> read(double time) {
            Map<Long, Map<String, Float>> all = new TreeMap<>();
            while (in.hasRemaining()) {
                int from = in.position();
                int length = Math.toIntExact(in.getLong());
                assertThat(in.getInt()).isEqualTo(masked(from, Long.BYTES));
                int at = in.position();
                event(at, at + length, time, all);
                in.position(at + length);
                assertThat(in.getInt()).isEqualTo(masked(at, length));
            }
            return all;
        }

        private int masked(int from, int length) {
            int crc = ~0;
            for (int i = from; i < from + length; i++) {
                crc ^= in.get(i) & 0xFF;
                for (int bit = 0; bit < 8; bit++) {
                    crc = crc >>> 1 ^ (crc & 1) * 0x82F63B78;
                }
            }
            crc = ~crc;
            return (crc >>> 15 | crc << 17) + 0xa282ead8;
        }

        private long varint() {
            long value = 0;
            for (int shift = 0;; shift += 7) {
                byte next = in.get();
                value |= (long) (next & 0x7F) << shift;
                if (next >= 0) {
                    return value;
                }
            }
        }

        private String text(int length) {
            byte[] bytes = new byte[length];
            in.get(bytes);
            return new String(bytes, StandardCharsets.UTF_8);
        }

        private void event(int from, int to, double time, Map<Long, Map<String, Float>> all) {
            in.position(from);
            long step = 0;
            Map<String, Float> values = new LinkedHashMap<>();
            while (in.position() < to) {
                switch ((int) varint()) {
                    case 1 << 3 | 1 -> assertThat(in.getDouble()).isEqualTo(time);
                    case 2 << 3 -> step = varint();
                    case 3 << 3 | 2 -> assertThat(text((int) varint())).isEqualTo("brain.Event:2");
                    case 5 << 3 | 2 -> summary((int) varint(), values);
                    default -> throw new AssertionError("a field that events do not have");
                }
            }
            all.computeIfAbsent(step, s -> new LinkedHashMap<>()).putAll(values);
        }

        private void summary(int length, Map<String, Float> values) {
            int to = in.position() + length;
            while (in.position() < to) {
                assertThat(varint()).isEqualTo(1 << 3 | 2);
                int end = (int) varint() + in.position();
                String tag = "";
                float value = 0;
                while (in.position() < end) {
                    switch ((int) varint()) {
                        case 1 << 3 | 2 -> tag = text((int) varint());
                        case 2 << 3 | 5 -> value = in.getFloat();
                        default -> throw new AssertionError("a field that values do not have");
                    }
                }
                values.put(tag, value);
            }
        }
    }
}
