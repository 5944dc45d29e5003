package org.setun.quant.calibration;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsWriter;

/**
 * The sums of a {@link Calibrator} in the middle of a pass, on disk: safetensors of bytes, with the job, the pass, the sequences that are in them
 * and a SHA-256 of all. It is there to save time: one that is damaged or of another job counts as none. Of this machine's byte order.
 */
final class CalibrationState {

    private static final String FORMAT = "setun.calibration.state";
    private static final String VERSION = "1";

    private final Path path;
    private final String job;

    /**
     * The state of a job.
     *
     * @param job a hash of all that decides the sums
     */
    CalibrationState(Path path, String job) {
        this.path = path;
        this.job = job;
    }

    private static Map<String, MemorySegment> parts(Calibrator calibrator) {
        Map<String, MemorySegment> parts = new LinkedHashMap<>();
        calibrator.state(parts::put);
        return parts;
    }

    /** Replaces the file by the sums as they are now, between two sequences. */
    void save(Calibrator calibrator) throws IOException {
        if (Files.isSymbolicLink(path)) {
            throw new IOException(path + " is a link, which is not followed: remove it, or name another output");
        }
        Map<String, MemorySegment> parts = parts(calibrator);
        MessageDigest digest = Sha256.digest();
        parts.values().forEach(part -> Sha256.update(digest, part));
        SafetensorsWriter writer = new SafetensorsWriter().metadata("format", FORMAT).metadata("version", VERSION).metadata("job", job)
                .metadata("pass", String.valueOf(calibrator.pass())).metadata("next", String.valueOf(calibrator.next()))
                .metadata("sha256", Sha256.text(digest));
        parts.forEach((name, part) -> writer.tensor(name, DType.U8, new long[]{part.byteSize()}, part));
        writer.write(path);
    }

    /**
     * Begins a pass where the saved sums of this job leave off.
     *
     * @return whether there were any of that pass; if not, nothing is changed
     */
    boolean restore(Calibrator calibrator, int pass, int sequences) throws IOException {
        if (Files.notExists(path)) {
            return false;
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            Map<String, String> metadata = file.metadata();
            if (!FORMAT.equals(metadata.get("format")) || !VERSION.equals(metadata.get("version")) || !job.equals(metadata.get("job"))
                    || !String.valueOf(pass).equals(metadata.get("pass"))) {
                return false;
            }
            int next = Integer.parseInt(metadata.getOrDefault("next", ""));
            calibrator.begin(pass);
            Map<String, MemorySegment> parts = parts(calibrator);
            if (next < 0 || next > sequences || !fits(file, parts)) {
                return false;
            }
            parts.forEach((name, part) -> part.copyFrom(file.tensor(name)));
            calibrator.resume(next);
            return true;
        } catch (FormatException | NumberFormatException e) {
            return false;
        }
    }

    private static boolean fits(SafetensorsFile file, Map<String, MemorySegment> parts) {
        MessageDigest digest = Sha256.digest();
        for (Map.Entry<String, MemorySegment> part : parts.entrySet()) {
            if (file.find(part.getKey()).isEmpty() || file.tensor(part.getKey()).byteSize() != part.getValue().byteSize()) {
                return false;
            }
            Sha256.update(digest, file.tensor(part.getKey()));
        }
        return Sha256.text(digest).equals(file.metadata().get("sha256"));
    }

    void delete() throws IOException {
        Files.deleteIfExists(path);
    }
}
