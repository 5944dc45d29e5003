package org.setun.inference;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.quant.calibration.CalibrationConfig;
import org.setun.quant.calibration.CalibrationFile;
import org.setun.quant.calibration.CalibrationJob;
import org.setun.quant.calibration.Calibrator;
import org.setun.quant.calibration.FisherLabels;
import org.setun.quant.calibration.Provenance;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.model.ModelFile;
import org.setun.quant.ptq.QuantizeJob;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.quant.ptq.QuantizeReport;
import org.setun.quant.ptq.RoundingMethod;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Calibration, incoherence and adaptive rounding, measured where it counts: in the logits of the file that they made. */
class AdaptiveQuantizationTest {

    private static final int VOCAB = 512;
    private static final String HASH = "0".repeat(64);

    @TempDir
    private Path folder;
    private Backend backend;
    private Golden golden;

    @BeforeEach
    void open() throws IOException {
        golden = Golden.of("llama-F32");
        backend = TestBackends.open("cpu");
    }

    @AfterEach
    void close() {
        backend.close();
    }

    private double divergence(QuantizeOptions options, String name) throws IOException {
        Path file = folder.resolve(name + ".gguf");
        try (QuantizeJob job = QuantizeJob.open(golden.model(), null, options, backend)) {
            QuantizeReport report = job.run(file, 2, (step, done, total) -> {
            });
            double divergence = divergence(file);
            System.out.printf("%-28s relative error %.4f, KL %.4f%n", name, report.relativeError(), divergence);
            return divergence;
        }
    }

    private double divergence(Path file) throws IOException {
        try (InferenceModel model = InferenceModel.open(file, backend, Activations.FP32);
                InferenceSession session = model.newSession(128)) {
            return Comparison.meanDivergence(golden.exact(), Comparison.logits(session, golden.tokens(), VOCAB), VOCAB);
        }
    }

    /** Hessians of random tokens: random, but of this model. */
    private Path calibration() throws IOException {
        Path path = folder.resolve("calibration.safetensors");
        SplittableRandom random = new SplittableRandom(4);
        List<int[]> sequences = new ArrayList<>();
        for (int i = 0; i < 48; i++) {
            sequences.add(random.ints(48, 0, VOCAB).toArray());
        }
        CalibrationConfig d = CalibrationConfig.defaults();
        CalibrationConfig config = new CalibrationConfig(d.samples(), 64, 5, FisherLabels.NONE, true, d.hessianBytes());
        try (MemoryPool pool = new MemoryPool(backend);
                ModelFile model = ModelFile.open(golden.model(), null);
                Calibrator calibrator = new Calibrator(backend, model.decoder(pool), sequences, config, (done, total) -> {
                });
                CalibrationJob job = CalibrationJob.open(path,
                        new Provenance(new Provenance.Source("", "llama.gguf", Sha256.of(golden.model())),
                                List.of(new Provenance.Source("math", "random", HASH)),
                                List.of(new Provenance.Domain("math", 48, 48, 48 * 48)), 5,
                                64,
                                FisherLabels.NONE, "2bit", "2026-01-02T03:04:05Z"),
                        calibrator)) {
            job.run();
        }
        try (CalibrationFile file = CalibrationFile.open(path)) {
            assertThat(file.hessian("blk.1.ffn_down.weight")).isPresent();
        }
        return path;
    }

    @ParameterizedTest
    @CsvSource({"HADAMARD, f16", "ORTHOGONAL, f16", "HADAMARD, bf16"})
    void betweenTwoRotationsNothingIsLost(Incoherence.Method method, String format) throws IOException {
        QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse(format)).withIncoherence(method, 7);
        assertThat(divergence(options, method + " " + format)).isLessThan(format.equals("f16") ? 1e-4 : 5e-3);
        assertThatThrownBy(() -> QuantizeJob.open(folder.resolve(method + " " + format + ".gguf"), null, options, backend))
                .isInstanceOf(FormatException.class).hasMessageContaining("start from the original");
    }

    /** Stored as blocks between two rotations, a matrix is multiplied as it lies: close to the original with exact and with 8-bit rows. */
    @ParameterizedTest
    @MethodSource("org.setun.inference.TestBackends#names")
    void packedBlocksRunBetweenTheirRotations(String backendName) throws IOException {
        Path file = folder.resolve("model.gguf");
        try (Backend own = TestBackends.open(backendName)) {
            QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse("q8_0")).withIncoherence(Incoherence.Method.HADAMARD, 11);
            try (QuantizeJob job = QuantizeJob.open(golden.model(), null, options, own)) {
                job.run(file, 2, (step, done, total) -> {
                });
            }
            for (Activations activations : Activations.values()) {
                try (InferenceModel model = InferenceModel.open(file, own, activations); InferenceSession session = model.newSession(128)) {
                    double divergence = Comparison.meanDivergence(golden.exact(), Comparison.logits(session, golden.tokens(), VOCAB),
                            VOCAB);
                    System.out.printf("q8_0 between rotations, %s rows on %s: KL %.4f, %,d bytes%n", activations, backendName, divergence,
                            model.weightBytes());
                    assertThat(divergence).isLessThan(0.03);
                    assertThat(model.weightBytes()).as("packed, not expanded").isLessThan(4_000_000);
                }
            }
        }
    }

    @Test
    void feedbackOfErrorsIsCloserThanNearest() throws IOException {
        Path calibration = calibration();
        for (String name : List.of("pi-tan2", "e8p")) {
            QuantizeOptions nearest = QuantizeOptions.of(WeightFormats.parse(name));
            double plain = divergence(nearest, name + " nearest");
            assertThat(divergence(nearest.withRounding(RoundingMethod.GPTQ, calibration), name + " gptq")).isLessThan(plain);
            assertThat(divergence(nearest.withIncoherence(Incoherence.Method.HADAMARD, 1).withRounding(RoundingMethod.LDLQ, calibration),
                    name + " hadamard ldlq")).isLessThan(plain);
        }
    }

    /** The bytes are those of the options, whoever runs them how: with other threads, and in two parts. */
    @Test
    void quipIsDeterministicAndResumable() throws IOException {
        QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse("pi-tan2"))
                .withIncoherence(Incoherence.Method.HADAMARD, 3).withRounding(RoundingMethod.LDLQ, calibration());
        Path one = folder.resolve("one.gguf");
        Path two = folder.resolve("two.gguf");
        try (QuantizeJob job = QuantizeJob.open(golden.model(), null, options, backend)) {
            job.run(one, 1, (step, done, total) -> {
            });
        }
        try (QuantizeJob job = QuantizeJob.open(golden.model(), null, options, backend)) {
            assertThatThrownBy(() -> job.run(two, 2, (step, done, total) -> {
                if (step.startsWith("blk.1.ffn_gate")) {
                    throw new IllegalStateException("stop");
                }
            })).hasMessage("stop");
            assertThat(job.run(two, 3, (step, done, total) -> {
            }).resumed()).isGreaterThan(8);
        }
        assertThat(Files.mismatch(one, two)).isEqualTo(-1);
    }

    @Test
    void calibrationOfAnotherModelIsRefused() throws IOException {
        Path other = TestData.require("golden-models/qwen3-F16.gguf");
        QuantizeOptions options = QuantizeOptions.of(WeightFormats.parse("q8_0")).withRounding(RoundingMethod.LDLQ, calibration());
        assertThatThrownBy(() -> {
            try (QuantizeJob job = QuantizeJob.open(other, null, options, backend)) {
                job.run(folder.resolve("out.gguf"), 1, (step, done, total) -> {
                });
            }
        }).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("another model");
    }
}
