package org.setun.quant.calibration;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.setun.formats.PartialFile;
import org.setun.formats.Sha256;

/**
 * Runs a {@link Calibrator} and writes what it collects; {@link CalibrationFile} describes the file and reads it. Until all is there an older
 * file of that name stays as it was. What is known lies in {@code NAME.partial} ({@link PartialFile}), the sums of the pass that is under way in
 * {@code NAME.partial.state}, saved now and then and when the run is cancelled: so a run that was cancelled or killed is gone on with by the next
 * one over the same data, and ends with the same bytes. One thread at a time.
 *
 * <pre>{@code
 * try (Calibrator calibrator = new Calibrator(backend, decoder, sequences, config, progress);
 *         CalibrationJob job = CalibrationJob.open(file, provenance, calibrator)) {
 *     job.run();
 * }
 * }</pre>
 */
public final class CalibrationJob implements AutoCloseable {

    private static final String KIND = "setun calibrate 2";
    /** What the journal calls the time of the first run, which the file bears. */
    private static final String STARTED = "started";
    /** Sums are saved after this time, or after this many times what saving took, whichever is longer. */
    private static final Duration SAVED_EVERY = Duration.ofSeconds(30);
    private static final int SAVING_SHARE = 20;

    private final Calibrator calibrator;
    private final Provenance provenance;
    private final CalibrationLayout layout;
    private final PartialFile file;
    private final CalibrationState state;
    private final byte[] head;
    private final Map<String, Long> offsets;
    private long savedEvery = SAVED_EVERY.toNanos();
    private long lastSaved = System.nanoTime();
    private boolean resumed;

    private CalibrationJob(Calibrator calibrator, Provenance provenance, CalibrationLayout layout, PartialFile file,
            CalibrationState state) {
        this.calibrator = calibrator;
        this.provenance = provenance;
        this.layout = layout;
        this.file = file;
        this.state = state;
        head = layout.head();
        offsets = layout.offsets();
    }

    /**
     * Opens the file to be written, and what an earlier run has left of it.
     *
     * @param provenance its time is that of the first run if this one goes on with another's work
     * @param calibrator that has not run
     * @throws IllegalStateException if another run is writing the same file
     * @throws IOException if the folder does not exist or has no room
     */
    public static CalibrationJob open(Path target, Provenance provenance, Calibrator calibrator) throws IOException {
        calibrator.survey();
        String job = job(provenance, calibrator);
        CalibrationLayout layout = new CalibrationLayout(provenance, calibrator);
        PartialFile file = PartialFile.open(target, KIND, job, layout.head().length + layout.dataBytes());
        try {
            Provenance first = file.noted(STARTED).map(piece -> provenance.at(piece.notes().getFirst())).orElse(provenance);
            Path partial = PartialFile.partial(target);
            CalibrationState state = new CalibrationState(partial.resolveSibling(partial.getFileName() + ".state"), job);
            return new CalibrationJob(calibrator, first, new CalibrationLayout(first, calibrator), file, state);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** A name for all that decides the bytes, the time apart. */
    private static String job(Provenance provenance, Calibrator calibrator) {
        MessageDigest tokens = Sha256.digest();
        for (int[] ids : calibrator.sequences()) {
            ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * (ids.length + 1)).putInt(ids.length);
            bytes.asIntBuffer().put(ids);
            tokens.update(bytes.rewind());
        }
        return Sha256.of(String.join("\n", CalibrationLayout.json(provenance.at("")), calibrator.description(), Sha256.text(tokens)));
    }

    /** Whether a run over other data or with other options had left something, which is thrown away. */
    public boolean startsAgain() {
        return file.startsAgain();
    }

    /** Whether this run went on with the work of another; after {@link #run}. */
    public boolean resumed() {
        return resumed;
    }

    /** Saves the sums after each sequence, for tests. */
    CalibrationJob savingAlways() {
        savedEvery = 0;
        return this;
    }

    /**
     * Runs the calibrator and writes the file.
     *
     * @throws CancellationException of the calibrator's progress, after the sums were saved
     * @throws IOException if the device fails
     */
    public void run() throws IOException {
        calibrator.afterSequence(this::saveIfDue);
        try {
            for (int pass = 0; pass < calibrator.passes(); pass++) {
                List<String> missing = missing(pass);
                if (!missing.isEmpty()) {
                    pass(pass, missing);
                }
                resumed |= missing.size() < layout.tensors(pass).size();
            }
        } catch (CancellationException e) {
            save();
            throw e;
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        file.finish(head, head.length + layout.dataBytes());
        state.delete();
    }

    private List<String> missing(int pass) throws IOException {
        List<String> missing = new ArrayList<>();
        for (String tensor : layout.tensors(pass)) {
            if (file.written(tensor, head.length + offsets.get(tensor), layout.bytes(tensor)).isEmpty()) {
                missing.add(tensor);
            }
        }
        return missing;
    }

    private void pass(int pass, List<String> missing) throws IOException {
        if (state.restore(calibrator, pass, calibrator.sequences().size())) {
            resumed = true;
        } else {
            calibrator.begin(pass);
        }
        calibrator.goOn();
        noteStart();
        for (String tensor : missing) {
            file.write(tensor, head.length + offsets.get(tensor), layout.body(tensor));
        }
    }

    private void saveIfDue() {
        if (System.nanoTime() - lastSaved >= savedEvery) {
            try {
                long before = System.nanoTime();
                save();
                lastSaved = System.nanoTime();
                savedEvery = savedEvery == 0 ? 0 : Math.max(SAVED_EVERY.toNanos(), SAVING_SHARE * (lastSaved - before));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private void save() throws IOException {
        noteStart();
        state.save(calibrator);
    }

    private void noteStart() throws IOException {
        if (file.noted(STARTED).isEmpty()) {
            file.note(STARTED, new PartialFile.Piece(Sha256.of(provenance.timestamp()), 0, List.of(provenance.timestamp())));
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
