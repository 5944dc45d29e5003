package org.setun.quant.ptq;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsTensor;
import org.setun.formats.safetensors.SafetensorsWriter;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.calibration.Imatrix;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.rounding.Hessian;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Which matrices get the bits of a budget, by what is known of their inputs. All have weights of one size unless a test says otherwise. */
class BudgetTest {

    private static final List<String> READS_GATE = List.of("blk.0.ffn_gate.weight", "blk.0.ffn_up.weight");
    private static final List<String> READS_DOWN = List.of("blk.0.ffn_down.weight");
    private static final List<String> MATRICES = List.of("blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight",
            "blk.0.attn_output.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.0.ffn_down.weight");

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

    private long bytes(QuantizeOptions options) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(model, null, options, backend)) {
            return job.plan().bytes();
        }
    }

    /** Formats by matrix with a budget halfway between all in two bits and all in six. */
    private Map<String, String> formats(QuantizeOptions options) throws IOException {
        QuantizeOptions plain = options.withImatrix(null).withRounding(RoundingMethod.NEAREST, null).withBudget(0);
        long least = bytes(plain.withFormat(WeightFormats.parse("q2_k")));
        long most = bytes(plain);
        try (QuantizeJob job = QuantizeJob.open(model, null, options.withBudget((least + most) / 2), backend)) {
            assertThat(job.plan().bytes()).isLessThanOrEqualTo((least + most) / 2);
            return job.plan().tensors().stream().filter(tensor -> MATRICES.contains(tensor.name()))
                    .collect(Collectors.toMap(PlannedTensor::name, tensor -> tensor.format().name()));
        }
    }

    private static double bits(Map<String, String> formats, List<String> names) {
        return names.stream().mapToDouble(name -> WeightFormats.parse(formats.get(name)).bitsPerWeight()).min().orElseThrow();
    }

    private static double mostBits(Map<String, String> formats, List<String> names) {
        return names.stream().mapToDouble(name -> WeightFormats.parse(formats.get(name)).bitsPerWeight()).max().orElseThrow();
    }

    private static QuantizeOptions six() {
        return QuantizeOptions.of(WeightFormats.parse("q6_k"));
    }

    /** Mean squares of 1, and of 400 for the inputs of {@code loud}. */
    private Path imatrix(List<String> loud) throws IOException {
        Map<String, Imatrix.Entry> entries = new TreeMap<>();
        for (String name : MATRICES) {
            float[] sums = new float[name.contains("down") ? Models.FFN : Models.DIM];
            Arrays.fill(sums, loud.contains(name) ? 4000 : 10);
            entries.put(name, new Imatrix.Entry(sums, new float[]{10}));
        }
        Path file = folder.resolve("model.imatrix");
        new Imatrix(List.of("text"), 1, 10, entries).write(file);
        return file;
    }

    @Test
    void matricesOfLoudInputsGetTheBits() throws IOException {
        Map<String, String> gate = formats(six().withImatrix(imatrix(READS_GATE)));
        Map<String, String> down = formats(six().withImatrix(imatrix(READS_DOWN)));
        assertThat(bits(gate, READS_GATE)).isGreaterThan(mostBits(gate, READS_DOWN));
        assertThat(bits(down, READS_DOWN)).isGreaterThan(mostBits(down, READS_GATE));
        assertThat(formats(six())).isNotEqualTo(gate).isNotEqualTo(down);
    }

    /** Every input of a rotated matrix is as loud as their mean. */
    @Test
    void theyGetThemBetweenRotationsToo() throws IOException {
        QuantizeOptions rotated = six().withIncoherence(Incoherence.Method.HADAMARD, 3);
        Map<String, String> gate = formats(rotated.withImatrix(imatrix(READS_GATE)));
        Map<String, String> down = formats(rotated.withImatrix(imatrix(READS_DOWN)));
        assertThat(bits(gate, READS_GATE)).isGreaterThan(mostBits(gate, READS_DOWN));
        assertThat(bits(down, READS_DOWN)).isGreaterThan(mostBits(down, READS_GATE));
        Map<String, String> calibrated = formats(rotated.withImatrix(imatrix(READS_DOWN))
                .withRounding(RoundingMethod.NEAREST, calibration("blk.0.ffn_gate.weight")));
        assertThat(bits(calibrated, READS_GATE)).isGreaterThan(mostBits(calibrated, READS_DOWN));
    }

    /** Without knowledge of inputs the energy of errors decides: a matrix of large weights is not as cheap as one of small ones. */
    @Test
    void withoutKnowledgeLargeWeightsGetTheBits() throws IOException {
        model = Models.scaled(folder.resolve("scaled.gguf"), 1, 1, "blk.0.attn_output.weight", 20);
        Map<String, String> large = formats(six());
        assertThat(large.get("blk.0.attn_output.weight")).isEqualTo("q6_k");
        model = Models.scaled(folder.resolve("scaled.gguf"), 1, 1, "blk.0.attn_output.weight", 0.05f);
        Map<String, String> small = formats(six());
        assertThat(small.get("blk.0.attn_output.weight")).isEqualTo("q2_k");
    }

    /** Where both are given and disagree, the Hessians count. */
    @Test
    void hessiansOverruleImportance() throws IOException {
        Map<String, String> formats = formats(six().withImatrix(imatrix(READS_DOWN))
                .withRounding(RoundingMethod.NEAREST, calibration("blk.0.ffn_gate.weight")));
        assertThat(bits(formats, READS_GATE)).isGreaterThan(mostBits(formats, READS_DOWN));
    }

    @Test
    void whatNeitherKnowsIsNamed() throws IOException {
        Imatrix some = new Imatrix(List.of("text"), 1, 10,
                Map.of("blk.0.attn_q.weight", new Imatrix.Entry(new float[Models.DIM], new float[]{10})));
        Path file = folder.resolve("some.imatrix");
        some.write(file);
        assertThatThrownBy(() -> formats(six().withImatrix(file))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("blk.0.attn_k.weight").hasMessageContaining("imatrix");
    }

    /** A calibration of the model by a few random tokens; the Hessian of {@code loud} a million times as large. */
    private Path calibration(String loud) throws IOException {
        Path file = Models.calibrate(folder.resolve("calibration.safetensors"), model, "model.gguf", backend);
        Path changed = folder.resolve("loud.safetensors");
        try (SafetensorsFile all = SafetensorsFile.open(file)) {
            SafetensorsWriter writer = new SafetensorsWriter();
            all.metadata().forEach(writer::metadata);
            for (SafetensorsTensor tensor : all.tensors()) {
                MemorySegment data = MemorySegment.ofArray(all.tensor(tensor.name()).toArray(ValueLayout.JAVA_BYTE));
                for (long i = 0; tensor.name().equals(loud + ".hessian") && i < data.byteSize(); i += 4) {
                    data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i, 1e6f * data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i));
                }
                writer.tensor(tensor.name(), tensor.type(), tensor.shape().stream().mapToLong(Long::longValue).toArray(), data);
            }
            writer.write(changed);
        }
        Files.delete(file);
        return changed;
    }

    /** The three measures against the sums they stand for. */
    @Test
    void measuresAreWhatTheySay() {
        SplittableRandom random = new SplittableRandom(2);
        int columns = 24;
        float[] errors = new float[5 * columns];
        for (int i = 0; i < errors.length; i++) {
            errors[i] = (float) random.nextGaussian();
        }
        double[] squares = random.doubles(columns, 0, 9).toArray();
        double energy = 0;
        double weighted = 0;
        for (int i = 0; i < errors.length; i++) {
            energy += (double) errors[i] * errors[i];
            weighted += squares[i % columns] * errors[i] * errors[i];
        }
        assertThat(Sensitivity.energy().loss(errors)).isCloseTo(energy, within(1e-12 * energy));
        assertThat(Sensitivity.meanSquares(squares).loss(errors)).isCloseTo(weighted, within(1e-12 * weighted));
        assertThat(Sensitivity.meanSquares(new double[]{3}).loss(errors)).isCloseTo(3 * energy, within(1e-12 * energy));
        try (Arena arena = Arena.ofShared()) {
            MemorySegment values = arena.allocate(4L * columns * columns, 64);
            float[][] x = new float[3][columns];
            for (float[] row : x) {
                for (int j = 0; j < columns; j++) {
                    row[j] = (float) random.nextGaussian();
                }
            }
            for (int i = 0; i < columns; i++) {
                for (int j = 0; j < columns; j++) {
                    int column = i;
                    int other = j;
                    values.setAtIndex(ValueLayout.JAVA_FLOAT, (long) i * columns + j,
                            (float) Arrays.stream(x).mapToDouble(row -> row[column] * row[other]).sum());
                }
            }
            Hessian hessian = new Hessian(values, columns);
            double exact = hessian.loss(new float[errors.length], errors);
            assertThat(Sensitivity.hessian(backend, hessian).loss(errors)).isCloseTo(exact, within(1e-5 * exact));
            assertThatThrownBy(() -> hessian.loss(backend, arena.allocate(4 * 25))).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("errors");
        }
    }
}
