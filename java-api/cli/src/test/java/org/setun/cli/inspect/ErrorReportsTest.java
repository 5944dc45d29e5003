package org.setun.cli.inspect;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufWriter;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

class ErrorReportsTest {

    private static final int ROWS = 3;
    private static final int COLUMNS = 256;

    @TempDir
    Path folder;

    @Test
    void bothFilesAreDecodedAndCompared() throws IOException {
        float[] x = normal();
        float[] norm = {1, 2, 3, 4};
        Path original = folder.resolve("original.gguf");
        new GgufWriter("llama").tensor("norm", GgmlType.F32, new long[]{4}, MemorySegment.ofArray(norm))
                .tensor("w", GgmlType.F32, new long[]{ROWS, COLUMNS}, MemorySegment.ofArray(x))
                .tensor("old", GgmlType.F32, new long[]{4}, MemorySegment.ofArray(norm)).write(original);
        Path small = folder.resolve("small.gguf");
        MemorySegment blocks = encode("q4_k", x);
        new GgufWriter("llama").tensor("norm", GgmlType.F32, new long[]{4}, MemorySegment.ofArray(norm))
                .tensor("w", GgmlType.Q4_K, new long[]{ROWS, COLUMNS}, blocks)
                .tensor("new", GgmlType.F32, new long[]{4}, MemorySegment.ofArray(norm)).write(small);

        ErrorReport report = ErrorReports.of(small, original);

        assertThat(report.unmatched()).containsExactly("new", "old");
        assertThat(report.tensors()).extracting(ErrorReport.TensorError::name).containsExactly("norm", "w");
        ErrorReport.TensorError kept = report.tensors().getFirst();
        assertThat(kept.relativeError()).isZero();
        assertThat(kept.sqnrDb()).isInfinite();
        assertThat(kept.cosine()).isEqualTo(1, within(1e-12));
        ErrorReport.TensorError w = report.tensors().getLast();
        float[] y = new float[x.length];
        WeightFormats.parse("q4_k").decode(blocks, 0, x.length, y, 0);
        double noise = 0;
        double signal = 0;
        for (int i = 0; i < x.length; i++) {
            noise += Math.pow((double) x[i] - y[i], 2);
            signal += Math.pow(x[i], 2);
        }
        assertThat(w.type()).isEqualTo("q4_k");
        assertThat(w.shape()).containsExactly((long) ROWS, (long) COLUMNS);
        assertThat(w.relativeError()).isEqualTo(Math.sqrt(noise / signal), within(1e-9)).isBetween(0.04, 0.1);
        assertThat(w.sqnrDb()).isEqualTo(10 * Math.log10(signal / noise), within(1e-6));
        assertThat(w.cosine()).isEqualTo(Math.sqrt(1 - noise / signal), within(1e-3));
        assertThat(report.all().values()).isEqualTo(x.length + 4);
        assertThat(report.all().relativeError()).isLessThan(w.relativeError());
    }

    @Test
    void anotherModelIsRefusedByTheShapeOfATensor() throws IOException {
        float[] x = normal();
        Path one = folder.resolve("one.gguf");
        Path other = folder.resolve("other.gguf");
        new GgufWriter("llama").tensor("w", GgmlType.F32, new long[]{ROWS, COLUMNS}, MemorySegment.ofArray(x)).write(one);
        new GgufWriter("llama").tensor("w", GgmlType.F32, new long[]{COLUMNS, ROWS}, MemorySegment.ofArray(x)).write(other);
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> ErrorReports.of(one, other))
                .withMessageContaining("'w'").withMessageContaining("[3, 256]").withMessageContaining("made from");
    }

    private static MemorySegment encode(String name, float[] values) {
        WeightFormat format = WeightFormats.parse(name);
        MemorySegment blocks = MemorySegment.ofArray(new byte[Math.toIntExact(format.rowBytes(values.length))]);
        format.encode(values, 0, values.length, null, blocks, 0);
        return blocks;
    }

    private static float[] normal() {
        SplittableRandom random = new SplittableRandom(4);
        float[] values = new float[ROWS * COLUMNS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
