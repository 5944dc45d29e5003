package org.setun.cli.inspect;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;
import org.setun.quant.format.QuantizationError;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;
import org.setun.quant.model.GgufTensors;
import org.setun.quant.ptq.PlannedTensor;
import org.setun.quant.ptq.SetunGguf;
import org.setun.quant.ptq.input.InputTensor;
import org.setun.quant.ptq.input.ModelInput;

/** Measures quantized files against the models that they were made from: both are decoded, one tensor at a time. */
public final class ErrorReports {

    private ErrorReports() {
    }

    /**
     * The errors of every tensor of {@code file} that {@code original} has too.
     *
     * @param file     GGUF, with GGUF's types or our own formats, between rotations or not
     * @param original GGUF, safetensors with Hugging Face's names, or llama2.c
     * @throws FormatException if a file is damaged, a type cannot be decoded, or a tensor has two shapes
     */
    public static ErrorReport of(Path file, Path original) throws IOException {
        try (GgufFile gguf = GgufFile.open(file); ModelInput model = ModelInput.open(original, null)) {
            SetunGguf stored = SetunGguf.of(gguf);
            GgufTensors values = new GgufTensors(gguf, stored);
            Map<String, InputTensor> originals = new LinkedHashMap<>();
            model.tensors().forEach(tensor -> originals.put(tensor.name(), tensor));
            List<ErrorReport.TensorError> errors = new ArrayList<>();
            List<String> unmatched = new ArrayList<>();
            QuantizationError all = new QuantizationError();
            QuantizationError matrices = new QuantizationError();
            for (SetunGguf.Tensor tensor : stored.tensors()) {
                InputTensor from = originals.remove(tensor.name());
                if (from == null) {
                    unmatched.add(tensor.name());
                    continue;
                }
                if (!Arrays.equals(from.shape(), tensor.shape())) {
                    throw new FormatException(original.toString(), FormatException.NO_OFFSET, "tensor '" + tensor.name() + "'", "has shape "
                            + Arrays.toString(from.shape()) + ", but " + file + " has " + Arrays.toString(tensor.shape()),
                            "name the model that the file was made from");
                }
                QuantizationError error = measure(values, tensor, model.rows(from));
                all.add(error);
                if (PlannedTensor.isBlockMatrix(tensor.name(), tensor.shape())) {
                    matrices.add(error);
                }
                errors.add(row(tensor.name(),
                        tensor.format().map(WeightFormat::name).orElse(gguf.info(tensor.name()).type().name().toLowerCase(Locale.ROOT)),
                        tensor.shape(), error));
            }
            unmatched.addAll(originals.keySet());
            return new ErrorReport(original.toString(), errors, row("all values together", "", new long[0], all),
                    row("block matrices together", "", new long[0], matrices), unmatched);
        }
    }

    private static QuantizationError measure(GgufTensors stored, SetunGguf.Tensor tensor, WeightRows original) {
        int columns = original.columns();
        float[] x = new float[columns];
        float[] y = new float[columns];
        QuantizationError error = new QuantizationError();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocate(Math.multiplyExact(original.rows(), (long) columns * Float.BYTES), 64);
            stored.readFloats(tensor.name(), values);
            for (long row = 0; row < original.rows(); row++) {
                original.read(row, x, 0);
                MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, row * columns * Float.BYTES, y, 0, columns);
                error.add(x, 0, y, 0, columns);
            }
        }
        return error;
    }

    private static ErrorReport.TensorError row(String name, String type, long[] shape, QuantizationError error) {
        return new ErrorReport.TensorError(name, type, LongStream.of(shape).boxed().toList(), error.count(), error.relative(), error.sqnr(),
                error.cosine(), error.mse(), error.largest());
    }
}
