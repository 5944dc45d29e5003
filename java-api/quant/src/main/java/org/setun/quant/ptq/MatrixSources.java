package org.setun.quant.ptq;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.quant.calibration.CalibrationFile;
import org.setun.quant.calibration.Imatrix;
import org.setun.quant.calibration.Importance;
import org.setun.quant.calibration.ImportanceSource;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.incoherence.IncoherenceEffect;
import org.setun.quant.incoherence.IncoherenceMetrics;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.incoherence.Rotations;
import org.setun.quant.ptq.input.InputTensor;
import org.setun.quant.ptq.input.ModelInput;
import org.setun.quant.rounding.FeedbackRounding;

/** Brings the values of each tensor together with what calibration knows of it, and makes matrices incoherent. */
final class MatrixSources implements AutoCloseable {

    private final ModelInput input;
    private final Backend backend;
    private final Rotations rotations;
    private final ImportanceSource importance;
    private final @Nullable Imatrix imatrix;
    private final @Nullable CalibrationFile calibration;
    private final @Nullable Hessians hessians;
    private final @Nullable AdaptiveRounding adaptive;

    private MatrixSources(ModelInput input, Backend backend, @Nullable Imatrix imatrix, @Nullable CalibrationFile calibration) {
        this.input = input;
        this.backend = backend;
        this.rotations = new Rotations(backend);
        this.imatrix = imatrix;
        this.calibration = calibration;
        this.importance = ImportanceSource.fused(Stream.<ImportanceSource>of(imatrix, calibration).filter(Objects::nonNull).toList());
        this.hessians = calibration == null ? null : new Hessians(calibration);
        this.adaptive = hessians == null ? null : new AdaptiveRounding(hessians, backend);
    }

    static MatrixSources open(ModelInput input, QuantizeOptions options, Backend backend) throws IOException {
        Imatrix imatrix = options.imatrix() == null ? null : Imatrix.read(options.imatrix());
        CalibrationFile calibration = options.calibration() == null ? null : CalibrationFile.open(options.calibration());
        return new MatrixSources(input, backend, imatrix, calibration);
    }

    /**
     * Refuses what was asked for and would have no effect, and what does not fit, before any work is done.
     *
     * @param budget whether formats are weighed against each other, in which all that is known has a part
     * @throws IllegalArgumentException if the importance matrix or the calibration counts for no tensor, or has other sizes for one
     */
    void requireUse(List<PlannedTensor> plan, boolean budget) {
        if (imatrix != null) {
            List<PlannedTensor> known = plan.stream().filter(tensor -> imatrix.entries().containsKey(tensor.name())).toList();
            requireUse("imatrix", "setun imatrix", known, tensor -> budget || isWeighed(tensor), imatrix.entries().keySet());
            known.forEach(tensor -> importance(imatrix, tensor));
        }
        if (calibration != null && hessians != null) {
            List<PlannedTensor> known = plan.stream().filter(tensor -> calibration.input(tensor.name()).isPresent()).toList();
            requireUse("calibration", "setun calibrate", known,
                    tensor -> budget || isWeighed(tensor) || tensor.rounding() != RoundingMethod.NEAREST,
                    calibration.inputs().stream().flatMap(statistics -> statistics.weights().stream()).toList());
            known.forEach(tensor -> importance(calibration, tensor));
            plan.stream().filter(tensor -> tensor.rounding() != RoundingMethod.NEAREST).forEach(hessians::require);
        }
    }

    private static void requireUse(String option, String maker, List<PlannedTensor> known, Predicate<PlannedTensor> counts,
            Collection<String> names) {
        if (known.isEmpty()) {
            throw new IllegalArgumentException(option + " knows no tensor of this model, but "
                    + names.stream().limit(3).collect(Collectors.joining(", ")) + ": it was made of another model; make one of this with "
                    + maker);
        }
        if (known.stream().noneMatch(counts)) {
            throw new IllegalArgumentException(
                    option + " counts for nothing here: the matrices that it knows are taken over as they are, have "
                            + "16 bits or more, or are made incoherent; leave it out");
        }
    }

    /** Whether the importance of its columns can change a tensor's bytes. */
    private static boolean isWeighed(PlannedTensor tensor) {
        return tensor.shape().length == 2 && !tensor.copied() && tensor.format().bitsPerWeight() < 16 && tensor.rotation().isEmpty();
    }

    /**
     * Compares the model that the calibration was made of with the input.
     *
     * @param sha256 of the input's files
     * @return what the user should know; empty if they are the same
     * @throws IllegalArgumentException if they are files of one kind and differ
     */
    Optional<String> requireSameModel(String sha256) {
        if (calibration == null || calibration.provenance().model().sha256().equals(sha256)) {
            return Optional.empty();
        }
        String made = calibration.provenance().model().file();
        String name = String.valueOf(input.files().getFirst().getFileName());
        String differs = "calibration was made of " + made + " (SHA-256 " + calibration.provenance().model().sha256() + "), the input "
                + name + " has " + sha256;
        if (kind(made).equals(kind(name))) {
            throw new IllegalArgumentException(differs
                    + ": it is another model; run setun calibrate on this one, or quantize the one that was calibrated");
        }
        return Optional.of(differs + ": they are files of two kinds, so make sure yourself that one was converted from the other");
    }

    private static String kind(String file) {
        return file.endsWith(".gguf") ? "GGUF" : file.endsWith(".bin") ? "llama2.c" : "Hugging Face";
    }

    /** The values of {@code tensor} as {@code planned} wants them. Close it before the next one is asked for. */
    MatrixSource of(InputTensor tensor, PlannedTensor planned, Executor pool, int threads) {
        WeightRows rows = input.rows(tensor);
        if (planned.copied()) {
            return new MatrixSource(rows, planned.format(), null, null, input.bytes(tensor).orElseThrow(), Optional.empty(), null, null,
                    null);
        }
        if (planned.rotation().isPresent()) {
            return rotated(rows, planned, planned.rotation().get(), pool, threads);
        }
        WeightFormat format = planned.format().fitted(rows);
        FeedbackRounding feedback = adaptive(planned, format, null, pool, threads);
        // a Hessian weighs columns better than its own diagonal, so only what the user adds to it counts beside it
        ImportanceSource weighing = feedback == null ? importance : imatrix == null ? ImportanceSource.NONE : imatrix;
        return new MatrixSource(rows, format, importance(weighing, planned), feedback, null, Optional.empty(), null, null,
                null);
    }

    /**
     * The values of a matrix as they will be stored, and what errors in them cost.
     *
     * @param source with the format that was planned
     */
    record Weighed(MatrixSource source, Sensitivity sensitivity) implements AutoCloseable {

        @Override
        public void close() {
            source.close();
        }
    }

    /** As {@link #of}, to weigh formats against each other. Close it before the next one is asked for. */
    Weighed weighed(InputTensor tensor, PlannedTensor planned) {
        PlannedTensor nearest = new PlannedTensor(planned.name(), planned.shape(), planned.format(), planned.rotation(),
                RoundingMethod.NEAREST, planned.kept(), false, planned.note());
        MatrixSource source = of(tensor, nearest, Runnable::run, 1);
        try {
            return new Weighed(source, sensitivity(planned, source.transform()));
        } catch (RuntimeException | Error e) {
            source.close();
            throw e;
        }
    }

    /** From the best that is known of the inputs: their Hessian, else their mean squares, else nothing. */
    private Sensitivity sensitivity(PlannedTensor tensor, @Nullable IncoherenceTransform transform) {
        if (hessians != null && calibration != null && calibration.hasHessian(tensor.name())) {
            return Sensitivity.hessian(backend, hessians.of(tensor, transform));
        }
        Optional<double[]> squares = Stream.<ImportanceSource>of(calibration, imatrix).filter(Objects::nonNull)
                .flatMap(known -> known.meanSquares(tensor.name(), tensor.columns()).stream()).findFirst();
        if (squares.isEmpty()) {
            if (calibration != null || imatrix != null) {
                throw new IllegalArgumentException("budget: neither calibration nor imatrix knows the inputs of " + tensor.name()
                        + ", and matrices are weighed against each other: make them of this model, or leave them out");
            }
            return Sensitivity.energy();
        }
        if (transform != null) { // a random rotation spreads the squares evenly
            double mean = Arrays.stream(squares.get()).average().orElse(0);
            return Sensitivity.meanSquares(new double[]{mean});
        }
        return Sensitivity.meanSquares(squares.get());
    }

    private @Nullable FeedbackRounding adaptive(PlannedTensor planned, WeightFormat format, @Nullable IncoherenceTransform transform,
            Executor pool, int threads) {
        return planned.rounding() == RoundingMethod.NEAREST || adaptive == null
                ? null
                : adaptive.of(planned, format, transform, pool, threads);
    }

    /** A matrix between its two transforms, whole and in fp32. What is known of single input channels says nothing about their mixtures. */
    private MatrixSource rotated(WeightRows rows, PlannedTensor planned, StoredRotation rotation, Executor pool, int threads) {
        int columns = planned.columns();
        Arena memory = Arena.ofShared();
        try {
            MemorySegment values = memory.allocate(4 * planned.elements(), 64);
            float[] row = new float[columns];
            for (long i = 0; i < planned.rows(); i++) {
                rows.read(i, row, 0);
                TensorEncoder.requireFinite(input.files().getFirst().toString(), planned.name(), i, row);
                MemorySegment.copy(row, 0, values, ValueLayout.JAVA_FLOAT, 4 * i * columns, columns);
            }
            IncoherenceTransform transform = new Incoherence(rotation.kind(), rotation.seed()).transform(rotations,
                    Math.toIntExact(planned.rows()), columns);
            IncoherenceMetrics before = IncoherenceMetrics.of(values, Math.toIntExact(planned.rows()), columns);
            transform.rotateWeights(values);
            IncoherenceMetrics after = IncoherenceMetrics.of(values, Math.toIntExact(planned.rows()), columns);
            WeightRows turned = rows(values, planned.rows(), columns);
            StoredRotation known = new StoredRotation(Incoherence.describe(transform), rotation.seed());
            WeightFormat format = planned.format().fitted(turned);
            return new MatrixSource(turned, format, null, adaptive(planned, format, transform, pool, threads), null, Optional.of(known),
                    transform, new IncoherenceEffect(before, after), memory);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private static WeightRows rows(MemorySegment values, long rows, int columns) {
        return WeightRows.of(rows, columns,
                (row, into, to) -> MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, 4 * row * columns, into, to, columns));
    }

    /** Frees what was prepared for the threads of a run that has ended. */
    void forget() {
        if (adaptive != null) {
            adaptive.close();
        }
    }

    @Override
    public void close() {
        forget();
        if (hessians != null) {
            hessians.close();
        }
        if (calibration != null) {
            calibration.close();
        }
    }

    private static float @Nullable [] importance(ImportanceSource source, PlannedTensor tensor) {
        if (tensor.shape().length != 2) {
            return null;
        }
        return source.find(tensor.name(), Math.toIntExact(tensor.rows()), tensor.columns()).map(Importance::columns).orElse(null);
    }
}
