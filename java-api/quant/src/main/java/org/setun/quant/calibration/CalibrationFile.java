package org.setun.quant.calibration;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.setun.formats.FormatException;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsTensor;

/**
 * The outcome of a calibration on disk. All but the Hessians is read and checked when the file is opened; those are read one at a time. Usable by
 * all threads until closed. It also gives the {@link Importance} of weights: of columns the geometric mean of their mean square inputs and their
 * Fisher information, of rows the Fisher information.
 *
 * <p>The file is safetensors with the metadata {@code format} = {@code setun.calibration}, {@code version} = {@code 1}, {@code provenance}
 * ({@link Provenance} as JSON) and {@code inputs} (JSON: name, weights, tokens of each). An input X has {@code X.mean}, {@code X.variance},
 * {@code X.sum_of_squares} F64[columns], {@code X.min}, {@code X.max} F32[columns], {@code X.histogram} I64[{@value LogHistogram#BINS}] and perhaps
 * {@code X.hessian} F32[columns][columns]; a weight W perhaps {@code W.fisher_rows} F64[outputs] and {@code W.fisher_columns} F64[columns].
 */
public final class CalibrationFile implements AutoCloseable, ImportanceSource {

    static final String MEAN = ".mean";
    static final String VARIANCE = ".variance";
    static final String SQUARES = ".sum_of_squares";
    static final String HISTOGRAM = ".histogram";
    static final String MIN = ".min";
    static final String MAX = ".max";
    static final String HESSIAN = ".hessian";
    static final String FISHER_ROWS = ".fisher_rows";
    static final String FISHER_COLUMNS = ".fisher_columns";

    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(8).build()).build())
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES, DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES,
                    DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES, DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final SafetensorsFile file;
    private final Provenance provenance;
    private final Map<String, InputStatistics> inputs = new LinkedHashMap<>();
    private final Map<String, InputStatistics> byWeight = new LinkedHashMap<>();
    private final Map<String, FisherInformation> fisher = new LinkedHashMap<>();

    private CalibrationFile(SafetensorsFile file) {
        this.file = file;
        if (!CalibrationLayout.FORMAT.equals(file.metadata().get("format"))) {
            throw error("metadata 'format'", "is '" + file.metadata().get("format") + "', must be '" + CalibrationLayout.FORMAT + "'",
                    "this is no calibration file; setun calibrate makes one");
        }
        if (!CalibrationLayout.VERSION.equals(file.metadata().get("version"))) {
            throw error("metadata 'version'", "is '" + file.metadata().get("version") + "', must be '" + CalibrationLayout.VERSION + "'",
                    "a newer program may know it");
        }
        provenance = json("provenance", Provenance.class);
        Set<String> known = new HashSet<>();
        for (CalibrationLayout.Input input : json("inputs", CalibrationLayout.Input[].class)) {
            read(input, known);
        }
        for (SafetensorsTensor tensor : file.tensors()) {
            if (!known.contains(tensor.name())) {
                throw error("tensor '" + tensor.name() + "'", "belongs to no input or weight", "");
            }
        }
    }

    /**
     * Maps and checks a file.
     *
     * @throws FormatException if it is damaged or no calibration file
     * @throws IOException if it cannot be read
     */
    public static CalibrationFile open(Path path) throws IOException {
        SafetensorsFile file = SafetensorsFile.open(path);
        try {
            return new CalibrationFile(file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** As {@link #open}, for bytes already in memory; {@code name} stands in messages. */
    public static CalibrationFile of(MemorySegment data, String name) {
        return new CalibrationFile(SafetensorsFile.of(data, name));
    }

    private <T> T json(String key, Class<T> type) {
        String text = file.metadata().get(key);
        if (text == null) {
            throw error("metadata '" + key + "'", "is missing", "the file is damaged");
        }
        try {
            T value = JSON.readValue(text, type);
            if (value == null) {
                throw error("metadata '" + key + "'", "is null", "the file is damaged");
            }
            return value;
        } catch (JacksonException e) {
            throw new FormatException(file.name(), FormatException.NO_OFFSET, "metadata '" + key + "'",
                    "is not as expected: " + e.getOriginalMessage(), "the file is damaged", e);
        }
    }

    private void read(CalibrationLayout.Input input, Set<String> known) {
        if (input == null || input.weights().isEmpty() || input.tokens() < 0 || inputs.containsKey(input.name())) {
            throw error("metadata 'inputs'", "has the entry " + input + "; each needs a name of its own, weights and tokens", "");
        }
        String x = input.name();
        int columns = Math.toIntExact(Math.min(file.info(x + MEAN).elements(), Integer.MAX_VALUE));
        InputStatistics statistics = new InputStatistics(x, input.weights(), input.tokens(), floats(x + MIN, columns, known),
                floats(x + MAX, columns, known), doubles(x + MEAN, columns, false, known), doubles(x + VARIANCE, columns, true, known),
                doubles(x + SQUARES, columns, true, known), histogram(x + HISTOGRAM, input.tokens(), columns, known));
        for (int i = 0; i < columns; i++) {
            if (input.tokens() > 0 && !(statistics.min()[i] <= statistics.max()[i])) {
                throw error("tensor '" + x + MIN + "'", "column " + i + " has " + statistics.min()[i] + ", above its maximum", "");
            }
        }
        inputs.put(x, statistics);
        if (file.find(x + HESSIAN).isPresent()) {
            require(x + HESSIAN, DType.F32, known, columns, columns);
        }
        for (String weight : input.weights()) {
            if (byWeight.put(weight, statistics) != null) {
                throw error("metadata 'inputs'", "names the weight " + weight + " twice", "");
            }
            if (file.find(weight + FISHER_COLUMNS).isPresent() || file.find(weight + FISHER_ROWS).isPresent()) {
                int rows = Math.toIntExact(Math.min(file.info(weight + FISHER_ROWS).elements(), Integer.MAX_VALUE));
                fisher.put(weight, new FisherInformation(doubles(weight + FISHER_ROWS, rows, true, known),
                        doubles(weight + FISHER_COLUMNS, columns, true, known)));
            }
        }
    }

    private MemorySegment require(String tensor, DType type, Set<String> known, long... shape) {
        SafetensorsTensor info = file.info(tensor);
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (info.type() != type || !info.shape().equals(expected)) {
            throw error("tensor '" + tensor + "'", "is " + info.type() + info.shape() + ", must be " + type + expected, "");
        }
        known.add(tensor);
        return file.tensor(tensor);
    }

    private float[] floats(String tensor, int count, Set<String> known) {
        require(tensor, DType.F32, known, count);
        return file.floats(tensor);
    }

    private double[] doubles(String tensor, int count, boolean notNegative, Set<String> known) {
        double[] values = require(tensor, DType.F64, known, count).toArray(DOUBLE);
        for (int i = 0; i < count; i++) {
            if (!Float.isFinite((float) values[i]) || notNegative && values[i] < 0) { // an importance matrix holds them as fp32
                throw error("tensor '" + tensor + "'", "has " + values[i] + " at " + i + ", must be finite in fp32"
                        + (notNegative ? " and not negative" : ""), "the file is damaged");
            }
        }
        return values;
    }

    private LogHistogram histogram(String tensor, long tokens, int columns, Set<String> known) {
        long[] counts = require(tensor, DType.I64, known, LogHistogram.BINS).toArray(LONG);
        try {
            LogHistogram histogram = new LogHistogram(counts);
            if (Math.multiplyHigh(tokens, columns) != 0 || histogram.total() != tokens * columns) {
                throw error("tensor '" + tensor + "'", "counts " + histogram.total() + " values, must be " + tokens + " x " + columns, "");
            }
            return histogram;
        } catch (IllegalArgumentException e) {
            throw new FormatException(file.name(), FormatException.NO_OFFSET, "tensor '" + tensor + "'", String.valueOf(e.getMessage()), "",
                    e);
        }
    }

    private FormatException error(String field, String problem, String remedy) {
        return new FormatException(file.name(), FormatException.NO_OFFSET, field, problem, remedy);
    }

    /** Where the figures come from. */
    public Provenance provenance() {
        return provenance;
    }

    /** What each input looked like, in the order of the model. */
    public Collection<InputStatistics> inputs() {
        return Collections.unmodifiableCollection(inputs.values());
    }

    /** The statistics of the input of a weight; empty if it was not seen. */
    public Optional<InputStatistics> input(String weight) {
        return Optional.ofNullable(byWeight.get(weight));
    }

    /** The Fisher information of weights, by name. */
    public Map<String, FisherInformation> fisher() {
        return Collections.unmodifiableMap(fisher);
    }

    /** Whether the file has a Hessian of the input of a weight. */
    public boolean hasHessian(String weight) {
        InputStatistics input = byWeight.get(weight);
        return input != null && file.find(input.name() + HESSIAN).isPresent();
    }

    /**
     * The mean of {@code x^T x} over the input of a weight, [columns][columns], row-major; empty if the file has none. Read anew each time.
     *
     * @throws FormatException if a value is not finite, one on the diagonal is negative, or it is not symmetric
     */
    public Optional<float[]> hessian(String weight) {
        InputStatistics input = byWeight.get(weight);
        if (input == null || !hasHessian(weight)) {
            return Optional.empty();
        }
        String tensor = input.name() + HESSIAN;
        float[] values = file.floats(tensor);
        int n = input.columns();
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) {
                float value = values[i * n + j];
                if (!Float.isFinite(value) || value != values[j * n + i] || i == j && value < 0) {
                    throw error("tensor '" + tensor + "'", "has " + value + " at [" + i + "][" + j
                            + "], must be finite, symmetric and not negative on the diagonal", "the file is damaged");
                }
            }
        }
        return Optional.of(values);
    }

    /** The same mean squares as an importance matrix, to be written for other programs. */
    public Imatrix imatrix() {
        long sequences = provenance.domains().stream().mapToLong(Provenance.Domain::samples).sum();
        return Calibrator.imatrix(List.copyOf(inputs.values()), provenance.data().stream().map(Provenance.Source::file).toList(), sequences,
                provenance.context());
    }

    @Override
    public Optional<Importance> find(String tensor, int rows, int columns) {
        InputStatistics input = byWeight.get(tensor);
        if (input == null) {
            return Optional.empty();
        }
        FisherInformation information = fisher.get(tensor);
        if (input.columns() != columns || information != null && information.rows().length != rows) {
            throw new IllegalArgumentException(file.name() + " has other sizes for " + tensor + " than " + rows + " x " + columns
                    + ": it was made of another model");
        }
        ImportanceSource squares = (name, r, c) -> Optional.of(new Importance(null, Importance.normalized(input.sumOfSquares())));
        ImportanceSource gradients = (name, r, c) -> Optional.ofNullable(information).map(FisherInformation::importance);
        return ImportanceSource.fused(List.of(squares, gradients)).find(tensor, rows, columns);
    }

    @Override
    public Optional<double[]> meanSquares(String tensor, int columns) {
        return input(tensor).filter(input -> input.tokens() > 0).map(input -> {
            if (input.columns() != columns) {
                throw new IllegalArgumentException(file.name() + " has " + input.columns() + " inputs for " + tensor + ", which has "
                        + columns + ": it was made of another model");
            }
            return Arrays.stream(input.sumOfSquares()).map(sum -> sum / input.tokens()).toArray();
        });
    }

    @Override
    public void close() {
        file.close();
    }
}
