package org.setun.cli;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.setun.cli.inspect.Printable;
import org.setun.formats.NearNames;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.PiGrid;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.ptq.KeepRule;
import org.setun.quant.ptq.QuantizeJob;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.quant.ptq.QuantizeReport;
import org.setun.quant.ptq.RoundingMethod;
import org.setun.quant.ptq.input.ModelInput;
import org.setun.training.StopFlag;
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
                        "  setun quantize --format q4_k --input m.gguf --output m-q4_k.gguf",
                        "  setun quantize --format pi-q3 --k 4 --input m.safetensors --output m-pi.gguf",
                        "  setun quantize --format q2-quip --calibration m.hessian \\",
                        "      --input m.gguf --output m-2bit.gguf",
                        "  setun quantize --format q2_k --imatrix m.imatrix --keep 'blk.0.*=q6_k' \\",
                        "      --input m.gguf --output m-q2_k.gguf",
                        "  setun quantize --format tq2_0 --dry-run --input m.gguf --output m-tq2.gguf",
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
            + "K of pi-tan2 (4 to " + PiGrid.MOST_SHAPE + ") and pi-tan3 (8 to " + PiGrid.MOST_SHAPE + ").")
    @Nullable
    String k;

    @Option(names = "--keep", paramLabel = "PATTERN=TYPE", description = "A type for the tensors whose name matches (* and ?); may be "
            + "given several times, the first match counts.")
    List<String> keep = List.of();

    @Option(names = "--incoherence", description = "Multiply each matrix by random orthogonal ones before rounding: "
            + "hadamard, orthogonal or none (default: none).")
    @Nullable
    Transform incoherence;

    @Option(names = "--rounding", description = "How values become codes: nearest, gptq or ldlq (default: nearest).")
    @Nullable
    RoundingMethod rounding;

    @Option(names = "--imatrix", paramLabel = "FILE", description = "Importance of the input channels, from setun imatrix or llama.cpp.")
    @Nullable
    Path imatrix;

    @Option(names = "--calibration", paramLabel = "FILE", description = "Hessians from setun calibrate, which gptq and ldlq need.")
    @Nullable
    Path calibration;

    @Option(names = "--budget", paramLabel = "BYTES", description = "Most bytes of the output; each matrix gets a type of its own, at most "
            + "--format. K, M and G (powers of 1000) may follow, as in 0.6M. Matrices are weighed by what their errors change at their outputs, with the Hessians of "
            + "--calibration, else the mean squares of --calibration or --imatrix; without either, by the energy of their errors.")
    @Nullable
    String budget;

    @Option(names = "--seed", description = "Seed of the random matrices of --incoherence "
            + "(default: ${DEFAULT-VALUE}).", defaultValue = "42")
    long seed;

    @Option(names = "--tokenizer", paramLabel = "FILE", description = "Tokenizer of a llama2.c checkpoint (tokenizer.bin), which has none "
            + "of its own; other models bring theirs.")
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
        requireKinds();
        QuantizeOptions options = options();
        try (StopFlag stop = StopFlag.onInterrupt(); Backend backend = Backends.open()) {
            return run(options, backend, stop);
        }
    }

    /** All within the flag's life, so that what is said of an interruption is said before the program ends. */
    private int run(QuantizeOptions options, Backend backend, StopFlag stop) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(input, tokenizer, options, backend)) {
            if (tokenizer == null && ModelInput.takesTokenizer(input)) {
                throw new IllegalArgumentException(
                        input + " is a llama2.c checkpoint, which holds no tokenizer, and without one no program "
                                + "could run the output; name it with --tokenizer FILE (tokenizer.bin)");
            }
            QuantizeSummary summary = new QuantizeSummary(output, job.plan(), options);
            summary.requireFormat();
            List<String> notes = new ArrayList<>(job.notes());
            if (dryRun) {
                notes.forEach(QuantizeCommand::note);
                print(summary.planned(notes), summary.plannedText());
                return 0;
            }
            notes.addAll(summary.fallbacks());
            notes.forEach(QuantizeCommand::note);
            QuantizeReport report;
            int workers = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
            try (ProgressLine progress = new ProgressLine("quantize", "values", job.plan().elements())) {
                report = job.run(output, workers, (step, done, total) -> {
                    if (stop.reason() != null) {
                        throw new CancellationException(stop.reason());
                    }
                    progress.at(step.startsWith("hash") ? 0 : done, step);
                });
            }
            report.notes().forEach(QuantizeCommand::note);
            notes.addAll(report.notes());
            print(summary.written(report, notes), summary.writtenText(report));
            return 0;
        } catch (CancellationException e) {
            return CalibrationModel.interrupted(output, true);
        }
    }

    private static void note(String text) {
        System.err.println("note: " + Printable.of(text));
    }

    private void print(Map<String, Object> result, String text) {
        System.out.print(json ? Json.line(result) + System.lineSeparator() : text);
    }

    /** An importance matrix is GGUF, a calibration file safetensors: which option a file belongs to shows before it is opened. */
    private void requireKinds() throws IOException {
        if (calibration != null && ModelInput.isGguf(calibration)) {
            throw new IllegalArgumentException("--calibration " + calibration + " is a GGUF file, as importance matrices are: name it with "
                    + "--imatrix (setun calibrate makes calibration files)");
        }
        if (imatrix != null && ModelInput.isHuggingFace(imatrix)) {
            throw new IllegalArgumentException("--imatrix " + imatrix + " is a safetensors file, as calibration files are: name it with "
                    + "--calibration (setun imatrix makes importance matrices)");
        }
    }

    private QuantizeOptions options() {
        boolean quip = format.equalsIgnoreCase(QUIP);
        requireFormat();
        RoundingMethod how = rounding != null ? rounding : quip ? RoundingMethod.LDLQ : RoundingMethod.NEAREST;
        if (how != RoundingMethod.NEAREST && calibration == null) {
            throw new IllegalArgumentException((rounding == null ? QUIP : "--rounding " + how.name().toLowerCase(Locale.ROOT))
                    + " needs --calibration FILE (setun calibrate makes it)");
        }
        return new QuantizeOptions(parameterized(quip ? "e8p" : format), keep.stream().map(QuantizeCommand::rule).toList(),
                incoherence != null ? incoherence.method : quip ? Incoherence.Method.HADAMARD : null, how,
                imatrix, calibration, budget == null ? 0 : bytes(budget), seed);
    }

    private void requireFormat() {
        List<String> names = new Formats();
        String name = format.split(":", 2)[0].toLowerCase(Locale.ROOT);
        if (!names.contains(name)) {
            throw new IllegalArgumentException("--format " + format + " is not known; the nearest is "
                    + NearNames.of(name, names, 1).getFirst() + "; there are " + String.join(", ", names));
        }
    }

    private static KeepRule rule(String text) {
        try {
            return KeepRule.parse(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("--keep " + text + ": " + e.getMessage(), e);
        }
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

    /** A number of bytes such as 130000000, 512K, 0.6M or 2G (powers of 1000). */
    static long bytes(String text) {
        String digits = text.replaceFirst("[KMG]$", "");
        long unit = text.endsWith("K") ? 1000 : text.endsWith("M") ? 1_000_000 : text.endsWith("G") ? 1_000_000_000 : 1;
        if (digits.matches("\\d{1,18}(\\.\\d{1,9})?")) {
            BigDecimal value = new BigDecimal(digits).multiply(BigDecimal.valueOf(unit)).setScale(0, RoundingMode.DOWN);
            if (value.signum() > 0 && value.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) <= 0) {
                return value.longValueExact();
            }
        }
        throw new IllegalArgumentException("--budget " + text + " must be a number of bytes above 0, such as 130M or 0.6M (K, M and G are "
                + "powers of 1000)");
    }
}
