package org.setun.quant.calibration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsWriter;

/**
 * What a calibration file is made of and where it lies, known as soon as the inputs are; {@link CalibrationFile} describes the file and reads
 * it. The bytes come from a {@link Calibrator}, those of the statistics and of some Hessians after its first pass, other Hessians after later
 * ones.
 */
final class CalibrationLayout {

    static final String FORMAT = "setun.calibration";
    static final String VERSION = "1";

    private static final JsonMapper JSON = new JsonMapper();

    /** The entry of an input in the metadata. */
    record Input(String name, List<String> weights, long tokens) {

        Input {
            weights = List.copyOf(weights);
        }
    }

    private final Calibrator calibrator;
    private final SafetensorsWriter writer = new SafetensorsWriter();
    private final Map<String, Supplier<MemorySegment>> bodies = new LinkedHashMap<>();
    /** Names of the tensors by the pass after which they are known. */
    private final List<List<String>> byPass = new ArrayList<>();

    /** What was collected, once it is asked for. */
    private @Nullable List<InputStatistics> statistics;
    private @Nullable Map<String, FisherInformation> information;

    /** The layout of what {@code calibrator}, which has surveyed its inputs, will collect. */
    CalibrationLayout(Provenance provenance, Calibrator calibrator) {
        this.calibrator = calibrator;
        List<InputStatistics> inputs = calibrator.inputs();
        writer.metadata("format", FORMAT).metadata("version", VERSION).metadata("provenance", json(provenance)).metadata("inputs",
                json(inputs.stream().map(input -> new Input(input.name(), input.weights(), calibrator.tokens())).toList()));
        for (int i = 0; i < inputs.size(); i++) {
            statistics(inputs.get(i), i);
        }
        calibrator.fisher().forEach(this::fisher);
        byPass.add(new ArrayList<>(bodies.keySet()));
        for (int pass = 0; pass < calibrator.passes(); pass++) {
            if (pass > 0) {
                byPass.add(new ArrayList<>());
            }
            for (String name : calibrator.group(pass)) {
                int columns = inputs.stream().filter(input -> input.name().equals(name)).findFirst().orElseThrow().columns();
                add(name + CalibrationFile.HESSIAN, DType.F32, () -> calibrator.hessian(name), columns, columns);
                byPass.get(pass).add(name + CalibrationFile.HESSIAN);
            }
        }
    }

    private void statistics(InputStatistics input, int index) {
        String name = input.name();
        Supplier<InputStatistics> seen = () -> statistics().get(index);
        add(name + CalibrationFile.MEAN, DType.F64, () -> MemorySegment.ofArray(seen.get().mean()), input.columns());
        add(name + CalibrationFile.VARIANCE, DType.F64, () -> MemorySegment.ofArray(seen.get().variance()), input.columns());
        add(name + CalibrationFile.SQUARES, DType.F64, () -> MemorySegment.ofArray(seen.get().sumOfSquares()), input.columns());
        add(name + CalibrationFile.HISTOGRAM, DType.I64, () -> MemorySegment.ofArray(seen.get().histogram().counts()),
                LogHistogram.BINS);
        add(name + CalibrationFile.MIN, DType.F32, () -> MemorySegment.ofArray(seen.get().min()), input.columns());
        add(name + CalibrationFile.MAX, DType.F32, () -> MemorySegment.ofArray(seen.get().max()), input.columns());
    }

    private void fisher(String weight, FisherInformation shape) {
        add(weight + CalibrationFile.FISHER_ROWS, DType.F64, () -> MemorySegment.ofArray(information().get(weight).rows()),
                shape.rows().length);
        add(weight + CalibrationFile.FISHER_COLUMNS, DType.F64, () -> MemorySegment.ofArray(information().get(weight).columns()),
                shape.columns().length);
    }

    private List<InputStatistics> statistics() {
        if (statistics == null) {
            statistics = calibrator.inputs();
        }
        return statistics;
    }

    private Map<String, FisherInformation> information() {
        if (information == null) {
            information = calibrator.fisher();
        }
        return information;
    }

    private void add(String name, DType type, Supplier<MemorySegment> body, long... shape) {
        writer.declare(name, type, shape);
        bodies.put(name, body);
    }

    /** Names of the tensors whose bytes are known after a pass. */
    List<String> tensors(int pass) {
        return byPass.get(pass);
    }

    /** Everything before the data. */
    byte[] head() {
        return writer.head();
    }

    /** Where each tensor starts, counted from the end of the head. */
    Map<String, Long> offsets() {
        return writer.offsets();
    }

    long bytes(String tensor) {
        return writer.bytes(tensor);
    }

    /** Bytes of all tensors. */
    long dataBytes() {
        return writer.dataBytes();
    }

    /** The bytes of a tensor, after its pass. */
    MemorySegment body(String tensor) {
        return bodies.get(tensor).get();
    }

    static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot write " + value.getClass().getSimpleName() + " as JSON", e);
        }
    }
}
