package org.setun.quant.calibration;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;

/**
 * An importance matrix as llama.cpp keeps it: per weight matrix and input column the sum of the squares of what the model multiplied with
 * that column, and the number of tokens. The importance of a column is their quotient. Immutable.
 *
 * <p>The file is GGUF of {@code general.type} {@code imatrix}: tensors {@code NAME.in_sum2} F32[matrices][columns] and {@code NAME.counts}
 * F32[matrices][1], keys {@code imatrix.datasets}, {@code imatrix.chunk_count} and {@code imatrix.chunk_size}. A matrix of experts has one row
 * per expert. Source: llama.cpp, {@code tools/imatrix}.
 */
public final class Imatrix implements ImportanceSource {

    private static final String SUMS = ".in_sum2";
    private static final String COUNTS = ".counts";
    private static final String TYPE = "general.type";
    private static final String DATASETS = "imatrix.datasets";
    private static final String CHUNK_COUNT = "imatrix.chunk_count";
    private static final String CHUNK_SIZE = "imatrix.chunk_size";

    private final List<String> datasets;
    private final long chunkCount;
    private final long chunkSize;
    private final Map<String, Entry> entries;

    /**
     * What is known of one weight tensor.
     *
     * @param sums   F32[matrices * columns]: sums of squares per input column, one matrix (expert) after the other; finite, none negative
     * @param counts F32[matrices]: tokens that each matrix has seen; finite, none negative
     */
    public record Entry(float[] sums, float[] counts) {

        /** Copies the arrays. */
        public Entry {
            sums = sums.clone();
            counts = counts.clone();
            if (counts.length == 0 || sums.length == 0 || sums.length % counts.length != 0) {
                throw new IllegalArgumentException("sums has " + sums.length + " values for " + counts.length
                        + " matrices, must be as many or a multiple");
            }
            requireSound("sums", sums);
            requireSound("counts", counts);
        }

        /** Weight matrices in the tensor: 1, or the number of experts. */
        public int matrices() {
            return counts.length;
        }

        /** Input columns of each. */
        public int columns() {
            return sums.length / counts.length;
        }

        @Override
        public float[] sums() {
            return sums.clone();
        }

        @Override
        public float[] counts() {
            return counts.clone();
        }

        /** The mean square of each input of matrix {@code index}; zeros if it has seen no token. */
        public double[] meanSquares(int index) {
            double[] squares = new double[columns()];
            for (int i = 0; i < squares.length && counts[index] > 0; i++) {
                squares[i] = sums[index * squares.length + i] / (double) counts[index];
            }
            return squares;
        }

        /** The mean square of each input of matrix {@code index}, divided by the mean of them all; ones if it has seen no token. */
        public float[] importance(int index) {
            return Importance.normalized(meanSquares(index));
        }

        private static void requireSound(String name, float[] values) {
            for (int i = 0; i < values.length; i++) {
                if (!(values[i] >= 0 && values[i] < Float.POSITIVE_INFINITY)) {
                    throw new IllegalArgumentException(name + "[" + i + "] = " + values[i] + " must be finite and not negative");
                }
            }
        }
    }

    /**
     * An importance matrix.
     *
     * @param datasets   names of the texts it was computed from
     * @param chunkCount sequences that were seen
     * @param chunkSize  tokens per sequence, at most
     * @param entries    by the name of the weight tensor
     */
    public Imatrix(List<String> datasets, long chunkCount, long chunkSize, Map<String, Entry> entries) {
        this.datasets = List.copyOf(datasets);
        this.chunkCount = chunkCount;
        this.chunkSize = chunkSize;
        this.entries = Collections.unmodifiableMap(new TreeMap<>(entries));
    }

    /**
     * Reads a file.
     *
     * @throws FormatException if it is damaged or no importance matrix
     * @throws IOException if it cannot be read
     */
    public static Imatrix read(Path path) throws IOException {
        try (GgufFile file = GgufFile.open(path)) {
            return of(file);
        }
    }

    /**
     * The importance matrix in an open file, which may be closed afterwards.
     *
     * @throws FormatException if it is damaged or no importance matrix
     */
    public static Imatrix of(GgufFile file) {
        String type = file.metadata().string(TYPE, "");
        if (!type.equals("imatrix")) {
            throw file.metadata().error(TYPE, "is '" + type + "', must be 'imatrix'");
        }
        Map<String, Entry> entries = new TreeMap<>();
        for (GgufTensor tensor : file.tensors()) {
            if (tensor.name().endsWith(SUMS)) {
                String name = tensor.name().substring(0, tensor.name().length() - SUMS.length());
                entries.put(name, entry(file, tensor, file.info(name + COUNTS)));
            } else if (tensor.name().endsWith(COUNTS)) {
                file.info(tensor.name().substring(0, tensor.name().length() - COUNTS.length()) + SUMS);
            }
        }
        List<String> datasets = file.metadata().has(DATASETS) ? file.metadata().strings(DATASETS) : List.of();
        return new Imatrix(datasets, file.metadata().integer(CHUNK_COUNT, 0), file.metadata().integer(CHUNK_SIZE, 0), entries);
    }

    private static Entry entry(GgufFile file, GgufTensor sums, GgufTensor counts) {
        long columns = sums.shape()[sums.shape().length - 1];
        if (sums.type() != GgmlType.F32 || counts.type() != GgmlType.F32 || sums.elements() / columns != counts.elements()) {
            throw new FormatException(file.name(), sums.offset(), "tensor '" + sums.name() + "'",
                    "of type " + sums.type() + " and " + sums.elements() / columns + " rows does not fit '" + counts.name() + "' of type "
                            + counts.type() + " with " + counts.elements() + " values; both must be F32 with one count per row",
                    "the file is damaged");
        }
        try {
            return new Entry(file.floats(sums.name()), file.floats(counts.name()));
        } catch (IllegalArgumentException e) {
            throw new FormatException(file.name(), sums.offset(), "tensor '" + sums.name() + "'", String.valueOf(e.getMessage()),
                    "the run that made it met NaN or infinity, or the file is damaged", e);
        }
    }

    /**
     * Writes a file that llama.cpp reads, too; atomically: if it fails, an older file of that name stays as it was.
     *
     * @throws IllegalArgumentException if a name is longer than GGUF allows
     * @throws IOException if the device fails
     */
    public void write(Path path) throws IOException {
        GgufWriter writer = new GgufWriter().string(TYPE, "imatrix").strings(DATASETS, datasets)
                .uint32(CHUNK_COUNT, chunkCount).uint32(CHUNK_SIZE, chunkSize);
        entries.forEach((name, entry) -> {
            writer.tensor(name + SUMS, GgmlType.F32, new long[]{entry.matrices(), entry.columns()}, MemorySegment.ofArray(entry.sums));
            writer.tensor(name + COUNTS, GgmlType.F32, new long[]{entry.matrices(), 1}, MemorySegment.ofArray(entry.counts));
        });
        writer.write(path);
    }

    /** Names of the texts it was computed from. */
    public List<String> datasets() {
        return datasets;
    }

    /** Sequences that were seen; 0 if unknown. */
    public long chunkCount() {
        return chunkCount;
    }

    /** Tokens per sequence, at most; 0 if unknown. */
    public long chunkSize() {
        return chunkSize;
    }

    /** By the name of the weight tensor, sorted. */
    public Map<String, Entry> entries() {
        return entries;
    }

    /** The importance of the columns of a matrix; it says nothing about rows. A tensor of several experts is for {@link Entry#importance}. */
    @Override
    public Optional<Importance> find(String tensor, int rows, int columns) {
        return entry(tensor, columns).map(entry -> new Importance(null, entry.importance(0)));
    }

    @Override
    public Optional<double[]> meanSquares(String tensor, int columns) {
        return entry(tensor, columns).filter(entry -> entry.counts[0] > 0).map(entry -> entry.meanSquares(0));
    }

    private Optional<Entry> entry(String tensor, int columns) {
        Entry entry = entries.get(tensor);
        if (entry == null) {
            return Optional.empty();
        }
        if (entry.matrices() != 1 || entry.columns() != columns) {
            throw new IllegalArgumentException("the importance matrix has " + entry.matrices() + " x " + entry.columns() + " columns for "
                    + tensor + ", which has 1 x " + columns + ": it was made of another model");
        }
        return Optional.of(entry);
    }
}
