package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.inspect.Printable;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.ptq.KeepRule;
import org.setun.quant.ptq.PlannedTensor;
import org.setun.quant.ptq.QuantizeJob;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.quant.ptq.QuantizePlan;
import org.setun.quant.ptq.QuantizeReport;
import org.setun.quant.ptq.RoundingMethod;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code setun quantize}: stores the weights of a trained model in few bits. */
@Command(name = "quantize", mixinStandardHelpOptions = true, sortOptions = false, description = {
        "Stores the matrices of a trained model in few bits, as a GGUF file.",
        "",
        "Norms and biases become F32; the matrices of the blocks take --format; embedding and head take Q6_K, or --format if that has "
                + "more bits. "
                + "Where rows do not divide into a format's blocks, the next type with more bits whose blocks fit is used, and named. "
                + "A run that was interrupted goes on where it stopped when the same command is given again."}, footer = {"",
                        "Examples:",
                        "  setun quantize --format q4_k --input model.gguf --output model-q4_k.gguf",
                        "  setun quantize --format pi-q3 --k 4 --input model.safetensors --output model-pi.gguf",
                        "  setun quantize --format q2-quip --calibration model.hessian --input model.gguf --output model-2bit.gguf",
                        "  setun quantize --format q2_k --imatrix model.imatrix --keep 'blk.0.*=q6_k' --input model.gguf --output out.gguf",
                        "  setun quantize --format tq2_0 --dry-run --input model.gguf --output out.gguf",
                        "",
                        "Files with pi, pi-tan or e8p matrices, or with incoherence, have an architecture of their own (setun-llama, ...): "
                                + "Setun runs them, other engines refuse them by name."})
final class QuantizeCommand implements Callable<Integer> {

    private static final String QUIP = "q2-quip";

    @Option(names = "--input", required = true, paramLabel = "FILE", description = "A GGUF, safetensors (or its .index.json, or the "
            + "folder; config.json beside it) or llama2.c .bin file.")
    Path input = Path.of("");

    @Option(names = "--output", required = true, paramLabel = "FILE", description = "The GGUF file to write; an older one stays until the "
            + "new one is whole.")
    Path output = Path.of("");

    @Option(names = "--format", required = true, paramLabel = "TYPE", description = "Type of the matrices of the blocks: "
            + "${COMPLETION-CANDIDATES}; q2-quip is e8p with --incoherence hadamard and --rounding "
            + "ldlq.", completionCandidates = Formats.class)
    String format = "";

    @Option(names = "--k", paramLabel = "K", description = "The parameter of a pi format: the k of pi-q2 and pi-q3 (2 to 5, or mixed), the "
            + "K of pi-tan2 and pi-tan3.")
    @Nullable
    String k;

    @Option(names = "--keep", paramLabel = "PATTERN=TYPE", description = "A type for the tensors whose name matches (* and ?); may be "
            + "given several times, the first match counts.")
    List<String> keep = List.of();

    @Option(names = "--incoherence", description = "Multiply each matrix by random orthogonal ones before rounding: "
            + "${COMPLETION-CANDIDATES} (default: none).")
    @Nullable
    Transform incoherence;

    @Option(names = "--rounding", description = "How values become codes: ${COMPLETION-CANDIDATES} (default: nearest).")
    @Nullable
    RoundingMethod rounding;

    @Option(names = "--imatrix", paramLabel = "FILE", description = "Importance of the input channels, from setun imatrix or llama.cpp.")
    @Nullable
    Path imatrix;

    @Option(names = "--calibration", paramLabel = "FILE", description = "Hessians from setun calibrate, which gptq and ldlq need.")
    @Nullable
    Path calibration;

    @Option(names = "--budget", paramLabel = "BYTES", description = "Most bytes of the output; each matrix gets a type of its own, at most "
            + "--format. K, M and G may follow. Matrices are weighed by what their errors change at their outputs, with the Hessians of "
            + "--calibration, else the mean squares of --calibration or --imatrix; without either, by the energy of their errors.")
    @Nullable
    String budget;

    @Option(names = "--seed", description = "Seed of the random matrices of --incoherence "
            + "(default: ${DEFAULT-VALUE}).", defaultValue = "42")
    long seed;

    @Option(names = "--tokenizer", paramLabel = "FILE", description = "Tokenizer of a llama2.c checkpoint (tokenizer.bin).")
    @Nullable
    Path tokenizer;

    @Option(names = "--threads", paramLabel = "N", description = "Threads that encode (default: all processors); the bytes are the same "
            + "for any number.")
    @Nullable
    Integer threads;

    @Option(names = "--dry-run", description = "Print type and size of every tensor and write nothing.")
    boolean dryRun;

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    /** What {@code --incoherence} offers. */
    enum Transform {
        HADAMARD(Incoherence.Method.HADAMARD), ORTHOGONAL(Incoherence.Method.ORTHOGONAL), NONE(null);

        private final Incoherence.@Nullable Method method;

        Transform(Incoherence.@Nullable Method method) {
            this.method = method;
        }
    }

    /** The names for {@code --format}. */
    static final class Formats extends ArrayList<String> {
        private static final long serialVersionUID = 1;

        Formats() {
            super(WeightFormats.names());
            if (contains("e8p")) {
                add(QUIP);
            }
        }
    }

    @Override
    public Integer call() throws IOException {
        try (Backend backend = Backends.open(); QuantizeJob job = QuantizeJob.open(input, tokenizer, options(), backend)) {
            if (dryRun) {
                print(job.plan());
                return 0;
            }
            job.plan().tensors().stream().filter(tensor -> tensor.note().startsWith("rows of"))
                    .forEach(tensor -> System.err
                            .println("note: " + Printable.of(tensor.name()) + " becomes " + tensor.format().name() + ": " + tensor.note()));
            int workers = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
            try (ProgressLine progress = new ProgressLine("quantize", "values", job.plan().elements())) {
                print(job.run(output, workers, (step, done, total) -> progress.at(step.startsWith("hash") ? 0 : done, step)));
            }
        }
        return 0;
    }

    private QuantizeOptions options() {
        boolean quip = format.equalsIgnoreCase(QUIP);
        String name = quip ? "e8p" : format;
        return new QuantizeOptions(parameterized(name), keep.stream().map(KeepRule::parse).toList(),
                incoherence != null ? incoherence.method : quip ? Incoherence.Method.HADAMARD : null,
                rounding != null ? rounding : quip ? RoundingMethod.LDLQ : RoundingMethod.NEAREST,
                imatrix, calibration, budget == null ? 0 : bytes(budget), seed);
    }

    private WeightFormat parameterized(String name) {
        if (k == null) {
            return WeightFormats.parse(name);
        }
        if (!name.toLowerCase(Locale.ROOT).startsWith("pi-") || name.contains(":")) {
            throw new IllegalArgumentException("--k is the parameter of pi-q2, pi-q3, pi-tan2 and pi-tan3, not of " + name);
        }
        return WeightFormats.parse(name + (name.toLowerCase(Locale.ROOT).startsWith("pi-tan") ? ":K=" : ":k=") + k);
    }

    /** A number of bytes such as 130000000, 512K, 130M or 2G (powers of 1000). */
    static long bytes(String text) {
        String digits = text.replaceFirst("[KMG]$", "");
        long unit = text.endsWith("K") ? 1000 : text.endsWith("M") ? 1_000_000 : text.endsWith("G") ? 1_000_000_000 : 1;
        try {
            long value = Math.multiplyExact(Long.parseLong(digits), unit);
            if (value > 0) {
                return value;
            }
        } catch (NumberFormatException | ArithmeticException e) {
            // falls through to the message below
        }
        throw new IllegalArgumentException("--budget = " + text + " must be a number of bytes above 0, such as 130M");
    }

    private void print(QuantizePlan plan) {
        if (json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("architecture", plan.architecture());
            result.put("bytes", plan.bytes());
            result.put("values", plan.elements());
            result.put("bits_per_weight", plan.bitsPerWeight());
            result.put("tensors", plan.tensors().stream().map(QuantizeCommand::row).toList());
            System.out.println(Json.line(result));
            return;
        }
        for (PlannedTensor tensor : plan.tensors()) {
            System.out.printf(Locale.ROOT, "  %-32s %-12s %,14d values %,14d bytes  %s%n", Printable.of(tensor.name()),
                    tensor.format().name(), tensor.elements(), tensor.bytes(), tensor.note());
        }
        System.out.printf(Locale.ROOT, "%s: architecture %s, %,d values, %.3f bits per weight, %,d bytes%n", output,
                Printable.of(plan.architecture()),
                plan.elements(), plan.bitsPerWeight(), plan.bytes());
    }

    private static Map<String, Object> row(PlannedTensor tensor) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("name", tensor.name());
        row.put("shape", tensor.shape());
        row.put("format", tensor.format().name());
        row.put("bytes", tensor.bytes());
        row.put("note", tensor.note());
        return row;
    }

    private void print(QuantizeReport report) {
        report.notes().forEach(note -> System.err.println("note: " + note));
        if (json) {
            System.out.println(Json.line(report));
            return;
        }
        for (QuantizeReport.Tensor tensor : report.tensors()) {
            System.out.printf(Locale.ROOT, "  %-32s %-12s %,14d bytes  relative error %.5f%n", Printable.of(tensor.name()),
                    tensor.format(), tensor.bytes(), tensor.relativeError());
        }
        report.meanOutliers().ifPresent(effect -> System.out.printf("  outliers before and after --incoherence: %s%n", effect));
        System.out.printf(Locale.ROOT, "%s: architecture %s, %,d bytes, mean relative error %.5f, %.1f s%s%n", report.file(),
                Printable.of(report.architecture()), report.bytes(), report.meanError(), report.seconds(),
                report.resumed() == 0 ? "" : ", " + report.resumed() + " tensors were written before");
    }
}
