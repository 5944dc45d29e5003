package org.setun.quant.ptq;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.calibration.Imatrix;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** What a calibration and an importance matrix do to a job, and when they are refused. */
class CalibratedJobTest {

    private static final QuantizeProgress SILENT = (step, done, total) -> {
    };

    @TempDir
    private Path folder;
    private final ReferenceBackend backend = new ReferenceBackend();
    private Path model;

    @BeforeEach
    void write() throws IOException {
        model = Models.write(folder.resolve("model.gguf"), 1, 1);
    }

    @AfterEach
    void close() {
        backend.close();
    }

    private static QuantizeOptions options(String format) {
        return QuantizeOptions.of(WeightFormats.parse(format));
    }

    private QuantizeReport run(QuantizeOptions options, String name) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(model, null, options, backend)) {
            return job.run(folder.resolve(name), 1, SILENT);
        }
    }

    /** Even columns count a thousand times as much as odd ones. */
    private Path imatrix(String... tensors) throws IOException {
        Map<String, Imatrix.Entry> entries = new TreeMap<>();
        for (String tensor : tensors) {
            float[] sums = new float[Models.DIM];
            for (int i = 0; i < sums.length; i++) {
                sums[i] = i % 2 == 0 ? 1000 : 1;
            }
            entries.put(tensor, new Imatrix.Entry(sums, new float[]{1}));
        }
        Path file = folder.resolve("imatrix.gguf");
        new Imatrix(List.of("text"), 1, 10, entries).write(file);
        return file;
    }

    private Path calibration(String name) throws IOException {
        return Models.calibrate(folder.resolve("calibration.safetensors"), model, name, backend);
    }

    @Test
    void anImportanceMatrixWeighsScalesOfAdaptiveRoundingToo() throws IOException {
        QuantizeOptions gptq = options("q4_k").withRounding(RoundingMethod.GPTQ, calibration("model.gguf"))
                .withKeeps(List.of(KeepRule.parse("blk.0.ffn_*=f16")));
        QuantizeReport plain = run(gptq, "plain.gguf");
        QuantizeReport weighed = run(gptq.withImatrix(imatrix("blk.0.attn_q.weight")), "weighed.gguf");
        assertThat(plain.notes()).isEmpty();
        for (int i = 0; i < plain.tensors().size(); i++) {
            boolean same = plain.tensors().get(i).relativeError() == weighed.tensors().get(i).relativeError();
            assertThat(same).as(plain.tensors().get(i).name()).isEqualTo(!plain.tensors().get(i).name().equals("blk.0.attn_q.weight"));
        }
    }

    @Test
    void whatCountsForNothingIsRefused() throws IOException {
        QuantizeOptions q4 = options("q4_k");
        assertThatThrownBy(() -> run(q4.withImatrix(imatrix("blk.7.attn_q.weight")), "out")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("blk.7.attn_q.weight").hasMessageContaining("another model").hasMessageContaining("setun imatrix");
        assertThatThrownBy(() -> run(q4.withImatrix(imatrix("blk.0.ffn_down.weight")), "out")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("another model");
        assertThatThrownBy(() -> run(options("f16").withImatrix(imatrix("blk.0.attn_q.weight")), "out"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("leave it out");
        assertThatThrownBy(() -> run(q4.withIncoherence(Incoherence.Method.HADAMARD, 1).withImatrix(imatrix("blk.0.attn_q.weight")), "out"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("incoherent; leave it out");
        Path calibration = calibration("model.gguf");
        assertThatThrownBy(() -> run(options("f16").withRounding(RoundingMethod.LDLQ, calibration), "out"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("calibration counts for nothing");
        model = Models.write(folder.resolve("two.gguf"), 2, 1);
        assertThatThrownBy(() -> run(q4.withRounding(RoundingMethod.GPTQ, calibration), "out")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no Hessian for blk.1.attn_q.weight").hasMessageContaining("--keep 'blk.1.attn_q.weight=f16'");
        assertThat(folder.resolve("out")).doesNotExist();
    }

    /** Sizes alone do not tell: a model of the same shape is another one. */
    @Test
    void aCalibrationOfAnotherModelIsRefused() throws IOException {
        QuantizeOptions calibrated = options("q4_0").withRounding(RoundingMethod.NEAREST, calibration("model.gguf"));
        run(calibrated, "own.gguf");
        model = Models.write(folder.resolve("other.gguf"), 1, 2);
        assertThatThrownBy(() -> run(calibrated, "out")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("made of model.gguf").hasMessageContaining("it is another model; run setun calibrate on this one");
        assertThat(folder.resolve("out")).doesNotExist();
    }

    /** Of a checkpoint and the GGUF file that was made of it no hash tells that they are one model. */
    @Test
    void aCalibrationOfAnotherKindOfFileIsNoted() throws IOException {
        QuantizeOptions calibrated = options("q4_0").withRounding(RoundingMethod.NEAREST, calibration("model.safetensors"));
        model = Models.write(folder.resolve("other.gguf"), 1, 2);
        assertThat(run(calibrated, "out").notes()).singleElement().asString().contains("model.safetensors").contains("other.gguf")
                .contains("two kinds");
    }

    @Test
    void whatIsReadIsNotOverwritten() throws IOException {
        QuantizeOptions options = options("q4_0").withImatrix(imatrix("blk.0.attn_q.weight"))
                .withRounding(RoundingMethod.NEAREST, calibration("model.gguf"));
        for (Path file : List.of(options.imatrix(), options.calibration())) {
            byte[] before = Files.readAllBytes(file);
            assertThatThrownBy(() -> run(options, file.getFileName().toString())).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("would overwrite").hasMessageContaining(file.getFileName().toString());
            assertThat(file).hasBinaryContent(before);
        }
    }

    /** Products of fp32 matrices have other last bits with another library, so halves of two runs would not fit together. */
    @Test
    void anotherArithmeticStartsAnewWhereItCounts() throws IOException {
        QuantizeOptions nearest = options("q4_0");
        QuantizeOptions gptq = nearest.withRounding(RoundingMethod.GPTQ, calibration("model.gguf"));
        QuantizeOptions rotated = nearest.withIncoherence(Incoherence.Method.ORTHOGONAL, 3);
        Backend other = (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[]{Backend.class},
                (proxy, method, arguments) -> {
                    try {
                        return method.getName().equals("blas") ? "another library" : method.invoke(backend, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        for (QuantizeOptions options : List.of(nearest, gptq, rotated)) {
            Path output = folder.resolve("out.gguf");
            stop(options, output);
            try (QuantizeJob job = QuantizeJob.open(model, null, options, other)) {
                int resumed = job.run(output, 1, SILENT).resumed();
                assertThat(resumed > 0).as(job.configuration()).isEqualTo(options == nearest);
                assertThat(job.configuration().contains("arithmetic")).isEqualTo(options != nearest);
            }
            Files.delete(output);
        }
    }

    private void stop(QuantizeOptions options, Path output) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(model, null, options, backend)) {
            assertThatThrownBy(() -> job.run(output, 1, CalibratedJobTest::stopInTheMiddle)).hasMessage("stop");
        }
    }

    private static void stopInTheMiddle(String step, long done, long total) {
        if (step.equals("blk.0.attn_output.weight")) {
            throw new IllegalStateException("stop");
        }
    }
}
