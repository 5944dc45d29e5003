package org.setun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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

    @Parameters(paramLabel = "FILE", description = "A .gguf or .safetensors file; its content decides, not its name.")
    Path file = Path.of("");

    @Option(names = "--tensors", description = "List every tensor, not only the totals by type.")
    boolean tensors;

    @Option(names = "--errors", description = "List the relative error of every tensor, which setun quantize has measured.")
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
        report.metadata().forEach((key, value) -> System.out.printf("  %-44s %s%n", Printable.of(key), value));
        if (tensors || errors) {
            report.tensors().forEach(this::printTensor);
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

    private void printTensor(FileReport.TensorReport tensor) {
        String incoherence = tensor.incoherence().isEmpty() ? "" : "  " + tensor.incoherence();
        String error = errors && tensor.relativeError() != null
                ? String.format(Locale.ROOT, "  relative error %.5f", tensor.relativeError())
                : "";
        System.out.printf(Locale.ROOT, "  %-36s %-6s %-18s %,14d bytes%s%s%n", FileReports.text(tensor.name()),
                tensor.type(), tensor.shape(), tensor.bytes(),
                incoherence, error);
    }

    private static void print(ErrorReport errors) {
        System.out.printf(Locale.ROOT, "  %-36s %-12s %14s %10s %9s %10s%n", "against " + errors.original(), "type", "relative error",
                "SQNR dB", "cosine", "largest");
        errors.tensors().forEach(InspectCommand::print);
        print(errors.all());
        if (!errors.unmatched().isEmpty()) {
            System.out.printf("  in one of the files only: %s%n",
                    errors.unmatched().stream().map(FileReports::text).collect(Collectors.joining(", ")));
        }
    }

    private static void print(ErrorReport.TensorError error) {
        System.out.printf(Locale.ROOT, "  %-36s %-12s %14.6f %10.2f %9.6f %10.3g%n", FileReports.text(error.name()), error.type(),
                error.relativeError(),
                error.sqnrDb(), error.cosine(), error.largestError());
    }

    private static void printTotals(List<FileReport.TensorReport> tensors) {
        Map<String, long[]> totals = new TreeMap<>();
        for (FileReport.TensorReport tensor : tensors) {
            long[] total = totals.computeIfAbsent(tensor.type(), type -> new long[3]);
            total[0]++;
            total[1] += tensor.elements();
            total[2] += tensor.bytes();
        }
        new LinkedHashMap<>(totals).forEach(
                (type, total) -> System.out.printf(Locale.ROOT, "  %-6s %4d tensors %,14d values %,14d bytes  %.4f bits per value%n",
                        type, total[0], total[1], total[2], total[1] == 0 ? 0 : 8.0 * total[2] / total[1]));
    }
}
