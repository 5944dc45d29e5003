package org.setun.quant.calibration;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.FormatException;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsTensor;
import org.setun.formats.safetensors.SafetensorsWriter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** What is collected, on disk. */
class CalibrationFileTest extends CalibrationTest {

    private static final String HASH = "0123456789abcdef".repeat(4);
    private static final Provenance PROVENANCE = new Provenance(new Provenance.Source("", "toy.gguf", HASH),
            List.of(new Provenance.Source("math", "m.jsonl", HASH)), List.of(new Provenance.Domain("math", 20, 400, 150)), 5, 32,
            FisherLabels.TRUE, "2bit", "2026-01-02T03:04:05Z");

    @TempDir
    Path folder;

    private final List<int[]> text = text(20);

    private Path written() throws IOException {
        Path path = folder.resolve("calibration.safetensors");
        write(path, PROVENANCE, text, config(FisherLabels.TRUE, true));
        return path;
    }

    @Test
    void whatIsWrittenIsRead() throws IOException {
        Path path = written();
        try (Calibrator same = run(text, config(FisherLabels.TRUE, true)); CalibrationFile file = CalibrationFile.open(path)) {
            assertThat(file.provenance()).isEqualTo(PROVENANCE);
            assertThat(file.inputs()).hasSameSizeAs(same.inputs());
            for (InputStatistics input : same.inputs()) {
                for (String weight : input.weights()) {
                    InputStatistics read = file.input(weight).orElseThrow();
                    assertThat(read.name()).isEqualTo(input.name());
                    assertThat(read.weights()).isEqualTo(input.weights());
                    assertThat(read.tokens()).isEqualTo(input.tokens());
                    assertThat(read.min()).isEqualTo(input.min());
                    assertThat(read.max()).isEqualTo(input.max());
                    assertThat(read.mean()).isEqualTo(input.mean());
                    assertThat(read.variance()).isEqualTo(input.variance());
                    assertThat(read.sumOfSquares()).isEqualTo(input.sumOfSquares());
                    assertThat(read.histogram().counts()).isEqualTo(input.histogram().counts());
                    assertThat(file.fisher().get(weight).rows()).isEqualTo(same.fisher().get(weight).rows());
                    assertThat(file.fisher().get(weight).columns()).isEqualTo(same.fisher().get(weight).columns());
                }
                assertThat(file.hessian(input.weights().getLast()).orElseThrow())
                        .isEqualTo(same.hessian(input.name()).toArray(ValueLayout.JAVA_FLOAT));
            }
            assertThat(file.input("x")).isEmpty();
            assertThat(file.hessian("x")).isEmpty();
        }
    }

    /** The diagonal of a Hessian, the importance matrix and the statistics tell the same. */
    @Test
    void theImportanceMatrixIsTheDiagonalOfTheHessian() throws IOException {
        try (CalibrationFile file = CalibrationFile.open(written())) {
            Imatrix imatrix = file.imatrix();
            assertThat(imatrix.datasets()).containsExactly("m.jsonl");
            assertThat(imatrix.chunkCount()).isEqualTo(20);
            assertThat(imatrix.chunkSize()).isEqualTo(32);
            for (String weight : List.of("blk.0.attn_v.weight", "blk.1.ffn_down.weight")) {
                float[] hessian = file.hessian(weight).orElseThrow();
                Imatrix.Entry entry = imatrix.entries().get(weight);
                int k = entry.columns();
                for (int i = 0; i < k; i++) {
                    assertThat(entry.sums()[i] / entry.counts()[0]).isCloseTo(hessian[i * k + i], within(1e-4f * hessian[i * k + i]));
                }
            }
        }
    }

    @Test
    void importanceIsThatOfInputsAndGradients() throws IOException {
        try (CalibrationFile file = CalibrationFile.open(written())) {
            String weight = "blk.0.ffn_gate.weight";
            Importance importance = file.find(weight, 12, 8).orElseThrow();
            FisherInformation fisher = file.fisher().get(weight);
            float[] squares = file.imatrix().find(weight, 12, 8).orElseThrow().columns();
            double rows = Arrays.stream(fisher.rows()).average().orElseThrow();
            double columns = Arrays.stream(fisher.columns()).average().orElseThrow();
            double ratio = importance.columns()[0] / Math.sqrt(squares[0] * fisher.columns()[0] / columns);
            for (int c = 0; c < 8; c++) {
                assertThat((double) importance.columns()[c])
                        .isCloseTo(ratio * Math.sqrt(squares[c] * fisher.columns()[c] / columns), within(1e-5));
            }
            for (int r = 0; r < 12; r++) {
                assertThat((double) importance.rows()[r]).isCloseTo(fisher.rows()[r] / rows, within(1e-5));
            }
            assertThat(file.find("x", 1, 1)).isEmpty();
            assertThatThrownBy(() -> file.find(weight, 12, 9)).hasMessageContaining("another model");
            assertThatThrownBy(() -> file.find(weight, 11, 8)).hasMessageContaining("another model");
        }
    }

    /** Copies a sound file with one thing changed. */
    private Path changed(String key, String value, String tensor, int at, double bad) throws IOException {
        Path path = folder.resolve("changed.safetensors");
        try (SafetensorsFile file = SafetensorsFile.open(written())) {
            SafetensorsWriter writer = new SafetensorsWriter();
            file.metadata().forEach((k, v) -> writer.metadata(k, k.equals(key) ? value : v));
            for (SafetensorsTensor info : file.tensors()) {
                if (info.name().equals(tensor) && at == -1) {
                    continue;
                }
                MemorySegment data = MemorySegment.ofArray(file.tensor(info.name()).toArray(ValueLayout.JAVA_BYTE));
                long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
                if (info.name().equals(tensor) && at == -2) {
                    shape = new long[]{1, info.elements()};
                } else if (info.name().equals(tensor)) {
                    switch (info.type()) {
                        case F64 -> data.set(ValueLayout.JAVA_DOUBLE_UNALIGNED, 8L * at, bad);
                        case I64 -> data.set(ValueLayout.JAVA_LONG_UNALIGNED, 8L * at, (long) bad);
                        default -> data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * at, (float) bad);
                    }
                }
                writer.tensor(info.name(), info.type(), shape, data);
            }
            if (at == -3) {
                writer.tensor(tensor, DType.F32, new long[]{1}, MemorySegment.ofArray(new float[1]));
            }
            writer.write(path);
        }
        return path;
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"format; other; no calibration file", "version; 2; a newer program",
            "provenance; {; not as expected",
            "provenance; {}; not as expected", "provenance; null; provenance", "inputs; null; inputs", "inputs; [null]; inputs",
            "inputs; [{\"name\": \"a\", \"weights\": [], \"tokens\": 1}]; weights",
            "inputs; [{\"name\": \"a\", \"weights\": [\"a\"], \"tokens\": 1}]; a.mean",
            "inputs; [{\"name\": \"a\", \"weights\": null, \"tokens\": 1}]; inputs",
            "inputs; [{\"name\": \"a\", \"weights\": [null], \"tokens\": 1}]; inputs", "inputs; []; belongs to no input",
            "inputs; [{\"name\": \"blk.0.attn_q.weight\", \"weights\": [\"blk.0.attn_q.weight\"], \"tokens\": 7}]; counts"})
    void damagedMetadataIsRefused(String key, String value, String message) throws IOException {
        Path path = changed(key, value, "", 0, 0);
        assertThatThrownBy(() -> CalibrationFile.open(path)).isInstanceOf(FormatException.class).hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource({"mean, 3, NaN", "variance, 0, -1", "sum_of_squares, 7, Infinity", "histogram, 5, -1", "histogram, 5, 1", "min, 2, 1e9",
            "max, 2, NaN", "fisher_rows, 1, -1", "fisher_columns, 1, NaN", "mean, -1, 0", "fisher_rows, -1, 0", "fisher_columns, -2, 0",
            "hessian, -2, 0", "extra, -3, 0"})
    void damagedTensorsAreRefused(String tensor, int at, double bad) throws IOException {
        Path path = changed("", "", "blk.0.attn_q.weight." + tensor, at, bad);
        assertThatThrownBy(() -> CalibrationFile.open(path)).isInstanceOf(FormatException.class)
                .hasMessageContaining("blk.0.attn_q.weight");
    }

    @ParameterizedTest
    @CsvSource({"5, NaN", "5, 9", "0, -1"})
    void aHessianIsCheckedWhenItIsRead(int at, double bad) throws IOException {
        try (CalibrationFile file = CalibrationFile.open(changed("", "", "blk.0.attn_q.weight.hessian", at, bad))) {
            assertThat(file.hessian("blk.0.ffn_up.weight")).isPresent();
            assertThatThrownBy(() -> file.hessian("blk.0.attn_k.weight")).isInstanceOf(FormatException.class)
                    .hasMessageContaining("symmetric");
        }
    }

    @Test
    void withoutFisherAndHessiansItSaysSo() throws IOException {
        Path path = folder.resolve("plain.safetensors");
        write(path, PROVENANCE, text, config(FisherLabels.NONE, false));
        try (CalibrationFile file = CalibrationFile.open(path)) {
            assertThat(file.fisher()).isEqualTo(Map.of());
            assertThat(file.hessian("blk.0.attn_q.weight")).isEmpty();
            assertThat(file.find("blk.0.attn_q.weight", 8, 8).orElseThrow().rows()).isNull();
        }
    }
}
