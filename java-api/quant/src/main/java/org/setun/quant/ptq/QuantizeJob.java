package org.setun.quant.ptq;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.setun.formats.PartialFile;
import org.setun.formats.Sha256;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufWriter;
import org.setun.kernels.Backend;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.incoherence.IncoherenceEffect;
import org.setun.quant.ptq.input.InputTensor;
import org.setun.quant.ptq.input.ModelInput;

/**
 * Quantizes a model from file to file, tensor by tensor and a stretch of rows at a time, so that the model need not fit into memory
 * (matrices that
 * are made incoherent are held one at a time, as fp32). The bytes depend on the input (its {@code config.json} and tokenizer files included) and the options alone,
 * not on the number of threads and not on how often the job was interrupted: a run goes on where the last one stopped. With adaptive rounding
 * or orthogonal incoherence that holds on one tier with one BLAS, since products of fp32 matrices have other last bits on another: a run
 * there starts anew. One caller at a time.
 *
 * <pre>{@code
 * try (QuantizeJob job = QuantizeJob.open(input, null, QuantizeOptions.of(WeightFormats.parse("q4_k")), backend)) {
 *     job.run(output, 8, (step, done, total) -> {});
 * }
 * }</pre>
 */
public final class QuantizeJob implements AutoCloseable {

    /** The number rises whenever an encoder, a transform or a rounding begins to give other bytes: what an older one has left is made anew. */
    private static final String KIND = "setun quantize 3";

    /** Types whose values are the model's own, not rounded to few bits. */
    private static final Set<GgmlType> PLAIN = Set.of(GgmlType.F64, GgmlType.F32, GgmlType.F16, GgmlType.BF16);

    private final ModelInput input;
    private final QuantizeOptions options;
    private final MatrixSources sources;
    private final String configuration;
    private final OutputLayout layout;
    private final QuantizePlan plan;

    private QuantizeJob(ModelInput input, QuantizeOptions options, MatrixSources sources, Backend backend) throws IOException {
        this.input = input;
        this.options = options;
        this.sources = sources;
        this.configuration = configuration(input, options, backend);
        List<PlannedTensor> planned = new Planner(options).plan(input.tensors());
        if (options.budget() > 0) {
            long bytes = new OutputLayout(input, options.format(), planned).plan(configuration).bytes();
            planned = new BudgetPlanner(input, options, sources).within(planned, bytes);
        }
        sources.requireUse(planned, options.budget() > 0);
        this.layout = new OutputLayout(input, options.format(), planned);
        this.plan = layout.plan(configuration);
        if (options.budget() > 0 && plan.bytes() > options.budget()) {
            throw new IllegalStateException("budget = " + options.budget() + " bytes, but the plan takes " + plan.bytes());
        }
    }

    /**
     * Opens the input and plans the output; weights are read only if a budget is to be kept.
     *
     * @param input     a GGUF, safetensors or llama2.c file, see {@link ModelInput#open}
     * @param tokenizer of a llama2.c checkpoint; null for none
     * @param backend   for the transforms and matrix products of adaptive rounding and incoherence; not closed
     * @throws org.setun.formats.FormatException if a file is damaged or of a kind that is not supported
     * @throws IOException if one cannot be read
     */
    public static QuantizeJob open(Path input, @Nullable Path tokenizer, QuantizeOptions options, Backend backend) throws IOException {
        ModelInput model = ModelInput.open(input, tokenizer);
        MatrixSources sources = null;
        try {
            sources = MatrixSources.open(model, options, backend);
            return new QuantizeJob(model, options, sources, backend);
        } catch (IOException | RuntimeException e) {
            if (sources != null) {
                sources.close();
            }
            model.close();
            throw e;
        }
    }

    /** All that decides the bytes beside the tensors of the input, in a normal form. */
    private static String configuration(ModelInput input, QuantizeOptions options, Backend backend) throws IOException {
        StringBuilder text = new StringBuilder(options.normalized(hash(options.imatrix()), hash(options.calibration())));
        for (Map.Entry<String, Path> file : input.sideFiles().entrySet()) {
            text.append(file.getKey()).append(" = ").append(hash(file.getValue())).append('\n');
        }
        if (options.rounding() != RoundingMethod.NEAREST || options.incoherence() == Incoherence.Method.ORTHOGONAL) {
            text.append("arithmetic = ").append(backend.name()).append(' ').append(backend.isa().label()).append(' ').append(backend.blas())
                    .append('\n');
        }
        return text.toString();
    }

    /** Everything that is read, none of which may be overwritten. */
    private List<Path> read() {
        return Stream.of(input.files().stream(), input.sideFiles().values().stream(),
                Stream.of(options.imatrix(), options.calibration()).filter(Objects::nonNull)).flatMap(files -> files).toList();
    }

    private static String hash(@Nullable Path file) throws IOException {
        return file == null ? "none" : Sha256.of(List.of(file), _ -> {
        });
    }

    /** What will be written. */
    public QuantizePlan plan() {
        return plan;
    }

    /** What the user should know before the job runs; mostly nothing. */
    public List<String> notes() {
        String types = input.tensors().stream().filter(tensor -> Planner.isBlockMatrix(tensor.name(), tensor.shape()))
                .flatMap(tensor -> tensor.type().stream()).filter(type -> !PLAIN.contains(type))
                .map(type -> type.name().toLowerCase(Locale.ROOT)).distinct().collect(Collectors.joining(", "));
        return types.isEmpty()
                ? List.of()
                : List.of("the input is already " + types + ": errors are relative to it, not to the model that it was made from");
    }

    /** The options in their normal form, as the output records them. */
    public String configuration() {
        return configuration;
    }

    /**
     * Writes the file. If it fails or is killed, an older file of this name stays as it was, and the next run of the same job goes on from
     * {@code OUTPUT.partial}.
     *
     * @param threads at least 1
     * @throws org.setun.formats.FormatException naming the tensor and the place of the first weight that is NaN or infinite
     * @throws IllegalArgumentException if the output is one of the files that are read, or the calibration is of another model
     * @throws IllegalStateException if another run is writing the same file
     * @throws IOException if the device fails or has no room
     */
    public QuantizeReport run(Path output, int threads, QuantizeProgress progress) throws IOException {
        if (threads < 1) {
            throw new IllegalArgumentException("threads = " + threads + " must be at least 1");
        }
        long started = System.nanoTime();
        PartialFile.requireOther(output, read());
        long size = 0;
        for (Path file : input.files()) {
            size += Files.size(file);
        }
        long total = size;
        String inputHash = Sha256.of(input.files(), done -> progress.at("hash input", done, total));
        List<String> notes = new ArrayList<>(sources.requireSameModel(inputHash).stream().toList());
        ExecutorService pool = Executors.newFixedThreadPool(threads,
                task -> Thread.ofPlatform().daemon().name("setun-quantize").unstarted(task));
        try (PartialFile file = PartialFile.open(output, KIND, job(inputHash), plan.bytes())) {
            if (file.startsAgain()) {
                notes.add(PartialFile.partial(output) + " was of another model or other options and was thrown away");
            }
            Result result = encode(file, pool, threads, progress);
            Integrity integrity = new Integrity(inputHash, configuration, result.entries());
            byte[] head = layout.head(result.fitted(), integrity);
            if (head.length != plan.headBytes()) {
                throw new IllegalStateException("the head has " + head.length + " bytes, planned were " + plan.headBytes());
            }
            file.finish(head, plan.bytes());
            return report(output, result, (System.nanoTime() - started) * 1e-9, notes);
        } finally {
            sources.forget();
            pool.shutdown();
        }
    }

    /** A name for all that decides the output's bytes. */
    private String job(String inputHash) {
        StringBuilder text = new StringBuilder(inputHash).append('\n').append(configuration).append(plan.headBytes());
        plan.tensors().forEach(tensor -> text.append('\n').append(tensor.name()).append(Arrays.toString(tensor.shape()))
                .append(tensor.format().name()).append(tensor.rotation().map(StoredRotation::toString).orElse("")));
        return Sha256.of(text.toString());
    }

    /**
     * What the journal keeps of a tensor.
     *
     * @param format   the name of the format with all parameters
     * @param rotation what describes the rotation; empty for none
     */
    private record Outcome(String format, String rotation, TensorEncoder.Written written) {

        static Outcome of(PartialFile.Piece piece) {
            float error = Float.intBitsToFloat(Integer.parseUnsignedInt(piece.notes().get(0), 16));
            return new Outcome(piece.notes().get(1), piece.notes().get(2),
                    new TensorEncoder.Written(new Integrity.Entry(piece.sha256(), error), Double.parseDouble(piece.notes().get(3))));
        }

        PartialFile.Piece piece(long bytes) {
            return new PartialFile.Piece(written.entry().sha256(), bytes,
                    List.of(Integer.toHexString(Float.floatToRawIntBits(written.entry().relativeError())), format, rotation,
                            Double.toHexString(written.energy())));
        }
    }

    private record Result(List<PlannedTensor> fitted, Map<String, Integrity.Entry> entries, Map<String, Double> energies,
            Map<String, IncoherenceEffect> effects, int resumed) {
    }

    private Result encode(PartialFile file, ExecutorService pool, int threads, QuantizeProgress progress) throws IOException {
        GgufWriter places = layout.places();
        List<PlannedTensor> fitted = new ArrayList<>();
        Map<String, Integrity.Entry> entries = new LinkedHashMap<>();
        Map<String, Double> energies = new LinkedHashMap<>();
        Map<String, IncoherenceEffect> effects = new LinkedHashMap<>();
        Map<String, InputTensor> inputs = new LinkedHashMap<>();
        input.tensors().forEach(tensor -> inputs.put(tensor.name(), tensor));
        int resumed = 0;
        long before = 0;
        for (PlannedTensor tensor : plan.tensors()) {
            long position = plan.headBytes() + places.offset(tensor.name());
            Optional<PartialFile.Piece> written = file.written(tensor.name(), position, tensor.bytes());
            if (written.isPresent()) {
                resumed++;
                Outcome known = Outcome.of(written.get());
                fitted.add(tensor.with(tensor.copied() ? tensor.format() : WeightFormats.parse(known.format()),
                        tensor.rotation().map(rotation -> new StoredRotation(known.rotation(), rotation.seed()))));
                entries.put(tensor.name(), known.written().entry());
                energies.put(tensor.name(), known.written().energy());
            } else {
                long base = before;
                try (MatrixSource source = sources.of(inputs.get(tensor.name()), tensor, pool, threads)) {
                    PlannedTensor known = tensor.with(source.format(), source.rotation());
                    TensorEncoder.Written encoded = new TensorEncoder(input.files().getFirst().toString(), known, source).write(
                            file.channel(),
                            position, pool, threads, done -> progress.at(tensor.name(), base + done, plan.elements()));
                    file.note(tensor.name(), new Outcome(source.format().name(),
                            source.rotation().map(StoredRotation::method).orElse(""), encoded).piece(tensor.bytes()));
                    fitted.add(known);
                    if (source.effect() != null) {
                        effects.put(tensor.name(), source.effect());
                    }
                    entries.put(tensor.name(), encoded.entry());
                    energies.put(tensor.name(), encoded.energy());
                }
            }
            before += tensor.elements();
            progress.at(tensor.name(), before, plan.elements());
        }
        return new Result(fitted, entries, energies, effects, resumed);
    }

    private QuantizeReport report(Path output, Result result, double seconds, List<String> notes) {
        List<QuantizeReport.Tensor> tensors = result.fitted().stream()
                .map(tensor -> new QuantizeReport.Tensor(tensor.name(), Arrays.stream(tensor.shape()).boxed().toList(),
                        tensor.format().name(),
                        tensor.rotation().map(rotation -> rotation.kind().label()).orElse("none"),
                        tensor.copied() ? "copied" : tensor.rounding().name().toLowerCase(Locale.ROOT), tensor.bytes(),
                        result.entries().get(tensor.name()).relativeError(), result.effects().get(tensor.name()),
                        result.energies().get(tensor.name()), tensor.isBlockMatrix(), tensor.note()))
                .toList();
        return new QuantizeReport(output, plan.architecture(), plan.bytes(), tensors, result.resumed(), seconds, notes);
    }

    @Override
    public void close() {
        sources.close();
        input.close();
    }
}
