package org.setun.quant.calibration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsWriter;

/** Writes what a {@link Calibrator} collected; {@link CalibrationFile} describes the file and reads it. */
public final class CalibrationWriter {

    static final String FORMAT = "setun.calibration";
    static final String VERSION = "1";

    private static final JsonMapper JSON = new JsonMapper();

    /** The entry of an input in the metadata. */
    record Input(String name, List<String> weights, long tokens) {

        Input {
            weights = List.copyOf(weights);
        }
    }

    private CalibrationWriter() {
    }

    /**
     * Writes a file atomically: if anything fails, an older file of that name stays as it was. Hessians that the run has not summed yet are
     * summed now, so one group of them at a time is in memory.
     *
     * @param calibrator after its {@link Calibrator#run}
     * @throws IOException if the device fails
     */
    public static void write(Path file, Provenance provenance, Calibrator calibrator) throws IOException {
        List<InputStatistics> inputs = calibrator.inputs();
        SafetensorsWriter writer = new SafetensorsWriter().metadata("format", FORMAT).metadata("version", VERSION)
                .metadata("provenance", json(provenance))
                .metadata("inputs", json(inputs.stream().map(input -> new Input(input.name(), input.weights(), input.tokens())).toList()));
        for (InputStatistics input : inputs) {
            long[] shape = {input.columns()};
            writer.tensor(input.name() + CalibrationFile.MEAN, DType.F64, shape, MemorySegment.ofArray(input.mean()))
                    .tensor(input.name() + CalibrationFile.VARIANCE, DType.F64, shape, MemorySegment.ofArray(input.variance()))
                    .tensor(input.name() + CalibrationFile.SQUARES, DType.F64, shape, MemorySegment.ofArray(input.sumOfSquares()))
                    .tensor(input.name() + CalibrationFile.HISTOGRAM, DType.I64, new long[]{LogHistogram.BINS},
                            MemorySegment.ofArray(input.histogram().counts()))
                    .tensor(input.name() + CalibrationFile.MIN, DType.F32, shape, MemorySegment.ofArray(input.min()))
                    .tensor(input.name() + CalibrationFile.MAX, DType.F32, shape, MemorySegment.ofArray(input.max()));
        }
        calibrator.fisher().forEach((weight, fisher) -> writer
                .tensor(weight + CalibrationFile.FISHER_ROWS, DType.F64, new long[]{fisher.rows().length},
                        MemorySegment.ofArray(fisher.rows()))
                .tensor(weight + CalibrationFile.FISHER_COLUMNS, DType.F64, new long[]{fisher.columns().length},
                        MemorySegment.ofArray(fisher.columns())));
        for (InputStatistics input : inputs) {
            if (calibrator.hessians().contains(input.name())) {
                writer.tensor(input.name() + CalibrationFile.HESSIAN, DType.F32, new long[]{input.columns(), input.columns()},
                        () -> calibrator.hessian(input.name()));
            }
        }
        writer.write(file);
    }

    private static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot write " + value.getClass().getSimpleName() + " as JSON", e);
        }
    }
}
