package org.setun.quant.calibration;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Calibrations that are interrupted, and what becomes of them. */
class CalibrationJobTest extends CalibrationTest {

    private static final String HASH = "0123456789abcdef".repeat(4);
    private static final int SEQUENCES = 12;
    /** Four inputs per block and the head's. */
    private static final int INPUTS = 4 * MODEL.layers() + 1;

    @TempDir
    private Path folder;

    private final List<int[]> text = text(SEQUENCES);

    private static Provenance provenance(String time) {
        return new Provenance(new Provenance.Source("", "toy.gguf", HASH), List.of(new Provenance.Source("math", "m.jsonl", HASH)),
                List.of(new Provenance.Domain("math", SEQUENCES, 400, 150)), 5, 32, FisherLabels.SAMPLED, "2bit", time);
    }

    /** With room for so many Hessians of the toy's small inputs at a time. */
    private static CalibrationConfig config(int hessians) {
        CalibrationConfig all = config(FisherLabels.SAMPLED, true);
        return new CalibrationConfig(all.samples(), all.context(), all.seed(), all.fisher(), true, hessians * HessianSum.bytes(12));
    }

    private Path target() {
        return folder.resolve("calibration.safetensors");
    }

    /** What stops a run as a kill would: nothing is saved on the way out. */
    private static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** A run from one state to the next; it ends after sequence {@code last} of all passes. */
    private boolean run(CalibrationConfig config, List<int[]> sequences, String time, int last, boolean kill) throws IOException {
        try (Calibrator calibrator = new Calibrator(backend, decoder, sequences, config, (done, total) -> {
            if (done >= last) {
                throw kill ? new Killed() : new CancellationException("interrupted");
            }
        }); CalibrationJob job = CalibrationJob.open(target(), provenance(time), calibrator).savingAlways()) {
            job.run();
            return job.resumed();
        }
    }

    private byte[] whole(CalibrationConfig config, String time) throws IOException {
        Path file = folder.resolve("whole.safetensors");
        write(file, provenance(time), text, config);
        byte[] bytes = Files.readAllBytes(file);
        Files.delete(file);
        return bytes;
    }

    /** Cancelled or killed in the first pass, at its end, in a later pass, before the last sequence: always the same bytes. */
    @ParameterizedTest
    @CsvSource({"1, 100, 5", "1, 100, 12", "1, 2, 30", "1, 2, 35", "3, 2, 17"})
    void anInterruptedRunIsGoneOnWithToTheSameBytes(int first, int hessians, int second) throws IOException {
        CalibrationConfig config = config(hessians);
        byte[] whole = whole(config, "2026-01-02T03:04:05Z");
        for (boolean kill : new boolean[]{false, true}) {
            Files.writeString(target(), "old");
            assertThatThrownBy(() -> run(config, text, "2026-01-02T03:04:05Z", first, kill))
                    .isInstanceOf(kill ? Killed.class : CancellationException.class);
            assertThatThrownBy(() -> run(config, text, "2027-07-07T07:07:07Z", second, kill))
                    .isInstanceOf(kill ? Killed.class : CancellationException.class);
            assertThat(target()).hasContent("old");
            assertThat(run(config, text, "2028-08-08T08:08:08Z", Integer.MAX_VALUE, kill)).isTrue();
            assertThat(Files.readAllBytes(target())).isEqualTo(whole);
            try (var files = Files.list(folder)) {
                assertThat(files).as("no rest").containsExactly(target());
            }
        }
    }

    /** No sequence is read twice: that is what the saved sums are for. */
    @Test
    void whatWasReadIsNotReadAgain() throws IOException {
        CalibrationConfig config = config(2);
        assertThatThrownBy(() -> run(config, text, "2026-01-02T03:04:05Z", 20, false)).isInstanceOf(CancellationException.class);
        long[] first = {0};
        try (Calibrator calibrator = new Calibrator(backend, decoder, text, config, (done, total) -> {
            first[0] = first[0] == 0 ? done : first[0];
            assertThat(total).isGreaterThan(2L * SEQUENCES);
        }); CalibrationJob job = CalibrationJob.open(target(), provenance("2026-01-02T03:04:05Z"), calibrator)) {
            assertThat(job.startsAgain()).isFalse();
            job.run();
            assertThat(job.resumed()).isTrue();
        }
        assertThat(first[0]).isEqualTo(21);
    }

    /** Other text, another seed, another memory for Hessians, another model: nothing of the old run is used, and it says so. */
    @ParameterizedTest
    @ValueSource(strings = {"text", "seed", "hessians", "provenance"})
    void aChangedInputOrConfigurationStartsAgain(String change) throws IOException {
        assertThatThrownBy(() -> run(config(2), text, "2026-01-02T03:04:05Z", 20, false)).isInstanceOf(CancellationException.class);
        CalibrationConfig old = config(2);
        CalibrationConfig config = switch (change) {
            case "seed" -> new CalibrationConfig(old.samples(), old.context(), 6, old.fisher(), true, old.hessianBytes());
            case "hessians" -> config(3);
            default -> old;
        };
        List<int[]> sequences = change.equals("text") ? text(SEQUENCES) : text;
        Provenance provenance = change.equals("provenance")
                ? new Provenance(new Provenance.Source("", "toy.gguf", HASH.replace('0', '1')), provenance("").data(),
                        provenance("").domains(), 5, 32, FisherLabels.SAMPLED, "2bit", "2027-07-07T07:07:07Z")
                : provenance("2027-07-07T07:07:07Z");
        try (Calibrator calibrator = new Calibrator(backend, decoder, sequences, config, (done, total) -> {
        }); CalibrationJob job = CalibrationJob.open(target(), provenance, calibrator)) {
            assertThat(job.startsAgain()).isTrue();
            job.run();
            assertThat(job.resumed()).isFalse();
        }
        Path fresh = folder.resolve("fresh.safetensors");
        write(fresh, provenance, sequences, config);
        assertThat(Files.mismatch(target(), fresh)).isEqualTo(-1);
    }

    /** Saved sums that are damaged, cut short or of another pass count as none; finished tensors that are damaged are written again. */
    @Test
    void damagedRestsCostTimeAndNothingElse() throws IOException {
        CalibrationConfig config = config(2);
        byte[] whole = whole(config, "2026-01-02T03:04:05Z");
        Path state = folder.resolve("calibration.safetensors.partial.state");
        Path partial = folder.resolve("calibration.safetensors.partial");
        for (int damage = 0; damage < 4; damage++) {
            assertThatThrownBy(() -> run(config, text, "2026-01-02T03:04:05Z", 20, false)).isInstanceOf(CancellationException.class);
            byte[] bytes = Files.readAllBytes(state);
            byte[] done = Files.readAllBytes(partial);
            switch (damage) {
                case 0 -> bytes[bytes.length - 9] ^= 1;
                case 1 -> bytes = Arrays.copyOf(bytes, bytes.length / 2);
                case 2 -> bytes = new String(bytes, StandardCharsets.ISO_8859_1).replace("\"next\":\"8\"", "\"next\":\"x\"")
                        .getBytes(StandardCharsets.ISO_8859_1);
                default -> done[done.length - 5] ^= 1;
            }
            Files.write(state, bytes);
            Files.write(partial, done);
            run(config, text, "2027-07-07T07:07:07Z", Integer.MAX_VALUE, false);
            assertThat(Files.readAllBytes(target())).as("damage %d", damage).isEqualTo(whole);
        }
    }

    /** Nothing but statistics: one pass. */
    @Test
    void statisticsAloneAreGoneOnWithToo() throws IOException {
        CalibrationConfig plain = config(FisherLabels.NONE, false);
        byte[] whole = whole(plain, "2026-01-02T03:04:05Z");
        assertThatThrownBy(() -> run(plain, text, "2026-01-02T03:04:05Z", 7, true)).isInstanceOf(Killed.class);
        assertThat(run(plain, text, "2026-01-02T03:04:06Z", Integer.MAX_VALUE, true)).isTrue();
        assertThat(Files.readAllBytes(target())).isEqualTo(whole);
        try (CalibrationFile file = CalibrationFile.open(target())) {
            assertThat(file.inputs()).hasSize(INPUTS);
        }
    }

    @Test
    void aLinkInThePlaceOfTheStateIsNotFollowed() throws IOException {
        Path victim = Files.writeString(folder.resolve("victim"), "precious");
        Files.createSymbolicLink(folder.resolve("calibration.safetensors.partial.state"), victim);
        assertThatThrownBy(() -> run(config(2), text, "2026-01-02T03:04:05Z", 20, false)).isInstanceOf(IOException.class)
                .hasMessageContaining("is a link").hasMessageContaining("another output");
        assertThat(victim).hasContent("precious");
    }

    @Test
    void twoRunsDoNotWriteOneFile() throws IOException {
        try (Calibrator one = new Calibrator(backend, decoder, text, config(2), (done, total) -> {
        }); CalibrationJob job = CalibrationJob.open(target(), provenance("2026-01-02T03:04:05Z"), one)) {
            assertThatThrownBy(() -> run(config(2), text, "2026-01-02T03:04:05Z", 20, false)).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("writing this file");
            job.run();
        }
    }
}
