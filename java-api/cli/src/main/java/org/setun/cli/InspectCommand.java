package org.setun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.setun.cli.inspect.ErrorReport;
import org.setun.cli.inspect.ErrorReports;
import org.setun.cli.inspect.FileReport;
import org.setun.cli.inspect.FileReports;
import org.setun.cli.inspect.Printable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code setun inspect FILE}: says what a model file holds, after checking all of its structure. */
@Command(name = "inspect", mixinStandardHelpOptions = true, description = "Checks a GGUF or safetensors file and prints its metadata and tensors.")
final class InspectCommand implements Callable<Integer> {

    /** Padding that keeps the size of a head. */
    private static final Set<String> HIDDEN = Set.of("setun.reserved");
    /** Texts of one setting a line. */
    private static final Set<String> LINES = Set.of("setun.quantize.config");

    @Parameters(paramLabel = "FILE", description = "A .gguf or .safetensors file; its content decides, not its name.")
    Path file = Path.of("");

    @Option(names = "--tensors", description = "List every tensor, not only the totals by type.")
    boolean tensors;

    @Option(names = "--errors", description = "List the relative error of every tensor, which setun quantize has measured; with --tensors the "
            + "whole integrity record.")
    boolean errors;

    @Option(names = "--against", paramLabel = "MODEL", description = "Decode both files and measure the error of every tensor against MODEL, "
            + "the one that FILE was made from: .gguf, .safetensors, .safetensors.index.json or llama2.c.")
    @Nullable
    Path against;

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        FileReport report = FileReports.of(file);
        if (against != null) {
            report = report.with(ErrorReports.of(file, against));
        }
        if (json) {
            System.out.println(Json.line(report));
            return 0;
        }
        System.out.printf(Locale.ROOT, "%s: %s, %,d bytes, %d tensors%n", file, report.format(), Files.size(file), report.tensors().size());
        report.metadata().forEach(this::printMetadata);
        if (tensors || errors) {
            int name = widest(report.tensors().stream().map(tensor -> FileReports.text(tensor.name())).toList());
            int type = widest(report.tensors().stream().map(FileReport.TensorReport::type).toList());
            int shape = widest(report.tensors().stream().map(tensor -> tensor.shape().toString()).toList());
            report.tensors().forEach(
                    tensor -> printTensor(tensor, "  %-" + name + "s %-" + type + "s %-" + shape + "s %,14d bytes%s%s%s%n"));
        }
        if (report.verified()) {
            System.out.println("  every tensor has the SHA-256 of the integrity record");
        } else if (errors && against == null) {
            System.err.println("note: the file has no integrity record, so no errors are known; setun quantize writes one");
        }
        printTotals(report.tensors());
        if (report.measured() != null) {
            print(report.measured());
        }
        return 0;
    }

    private static int widest(List<String> texts) {
        return texts.stream().mapToInt(String::length).max().orElse(1);
    }

    private void printMetadata(String key, Object value) {
        if (HIDDEN.contains(key)) {
            return;
        }
        if (value instanceof String text && (text.indexOf('\n') >= 0 && LINES.contains(key))) {
            System.out.printf("  %s%n", Printable.of(key));
            text.lines().forEach(line -> System.out.println("    " + Printable.of(line)));
        } else {
            boolean whole = tensors && errors && key.startsWith("setun.integrity.") && value instanceof String;
            System.out.printf("  %-44s %s%n", Printable.of(key), whole ? Printable.of(String.valueOf(value)) : FileReports.text(value));
        }
    }

    private void printTensor(FileReport.TensorReport tensor, String line) {
        String incoherence = tensor.incoherence().isEmpty() ? "" : "  " + tensor.incoherence();
        String error = errors && tensor.relativeError() != null
                ? String.format(Locale.ROOT, "  relative error %.5f", tensor.relativeError())
                : "";
        String hash = tensors && errors && tensor.sha256() != null ? "  sha256 " + tensor.sha256() : "";
        System.out.printf(Locale.ROOT, line, FileReports.text(tensor.name()), tensor.type(), tensor.shape(), tensor.bytes(), incoherence,
                error, hash);
    }

    private static void print(ErrorReport report) {
        List<ErrorReport.TensorError> rows = new ArrayList<>(report.tensors());
        rows.add(report.matrices());
        rows.add(report.all());
        String title = "against " + report.original();
        int name = Math.max(title.length(), widest(rows.stream().map(row -> FileReports.text(row.name())).toList()));
        int type = Math.max(4, widest(rows.stream().map(ErrorReport.TensorError::type).toList()));
        String line = "  %-" + name + "s %-" + type + "s %14s %10s %9s %10s%n";
        System.out.printf(Locale.ROOT, line, title, "type", "relative error", "SQNR dB", "cosine", "largest");
        for (ErrorReport.TensorError row : rows) {
            System.out.printf(Locale.ROOT, line, FileReports.text(row.name()), row.type(), number("%.6f", row.relativeError()),
                    row.sqnrDb() == Double.POSITIVE_INFINITY ? "exact" : number("%.2f", row.sqnrDb()), number("%.6f", row.cosine()),
                    number("%.3g", row.largestError()));
        }
        if (!report.unmatched().isEmpty()) {
            System.out.printf("  in one of the files only: %s%n",
                    report.unmatched().stream().map(FileReports::text).collect(Collectors.joining(", ")));
        }
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }

    private static void printTotals(List<FileReport.TensorReport> tensors) {
        Map<String, long[]> totals = new TreeMap<>();
        for (FileReport.TensorReport tensor : tensors) {
            long[] total = totals.computeIfAbsent(tensor.type(), type -> new long[3]);
            total[0]++;
            total[1] += tensor.elements();
            total[2] += tensor.bytes();
        }
        int width = widest(List.copyOf(totals.keySet()));
        new LinkedHashMap<>(totals).forEach(
                (type, total) -> System.out.printf(Locale.ROOT,
                        "  %-" + width + "s %4d tensors %,14d values %,14d bytes  %.4f bits per value%n",
                        type, total[0], total[1], total[2], total[1] == 0 ? 0 : 8.0 * total[2] / total[1]));
    }
}
