package org.setun.quant.calibration;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Quantization;

/** A toy model and random text. */
abstract class CalibrationTest {

    static final DecoderConfig MODEL = new DecoderConfig(11, 8, 2, 2, 1, 4, 12, 32, NnOps.Glu.SILU, false, NnOps.Rope.HALVES, 100, 1e-3f,
            false);

    final Backend backend = new ReferenceBackend();
    final MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();
    final Workspace workspace = new Workspace(backend, 1 << 20);
    final SplittableRandom random = new SplittableRandom(42);
    final Decoder decoder = decoder(pool);

    static Decoder decoder(MemoryPool pool) {
        return new Decoder(MODEL, Quantization.NONE, pool, new DecoderInit(0.4, false, 9));
    }

    static CalibrationConfig config(FisherLabels fisher, boolean hessians) {
        CalibrationConfig d = CalibrationConfig.defaults();
        return new CalibrationConfig(d.samples(), 32, 5, fisher, hessians, d.hessianBytes());
    }

    List<int[]> text(int sequences) {
        List<int[]> text = new ArrayList<>();
        for (int i = 0; i < sequences; i++) {
            text.add(random.ints(2 + random.nextInt(9), 0, MODEL.vocab()).toArray());
        }
        return text;
    }

    Calibrator run(List<int[]> text, CalibrationConfig config) {
        Calibrator calibrator = new Calibrator(backend, decoder, text, config, (done, total) -> {
        });
        calibrator.run();
        return calibrator;
    }

    /** Runs a calibration and writes its file. */
    void write(Path file, Provenance provenance, List<int[]> text, CalibrationConfig config) throws IOException {
        try (Calibrator calibrator = new Calibrator(backend, decoder, text, config, (done, total) -> {
        }); CalibrationJob job = CalibrationJob.open(file, provenance, calibrator)) {
            job.run();
        }
    }

    @AfterEach
    void close() {
        workspace.close();
        pool.close();
        backend.close();
    }
}
