package org.setun.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.setun.cli.inspect.Printable;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.ptq.PlannedTensor;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.quant.ptq.QuantizePlan;
import org.setun.quant.ptq.QuantizeReport;

/** What {@code setun quantize} says of a plan and of a file that was written, with the same keys for both. */
final class QuantizeSummary {

    private final Path output;
    private final QuantizePlan plan;
    private final QuantizeOptions options;
    private final List<PlannedTensor> matrices;
    private final long asked;

    QuantizeSummary(Path output, QuantizePlan plan, QuantizeOptions options) {
        this.output = output;
        this.plan = plan;
        this.options = options;
        this.matrices = plan.tensors().stream().filter(PlannedTensor::isBlockMatrix).toList();
        this.asked = matrices.stream().filter(tensor -> tensor.format().name().equals(options.format().name())).count();
    }

    /** Refuses a format that no matrix can take, so that a file of quite another size is no surprise. */
    void requireFormat() {
        List<PlannedTensor> misfits = matrices.stream().filter(QuantizeSummary::isFallback).toList();
        if (asked == 0 && options.budget() == 0 && !misfits.isEmpty()) {
            WeightFormat format = options.format();
            String rows = misfits.stream().map(tensor -> String.valueOf(tensor.columns())).distinct().collect(Collectors.joining(", "));
            throw new IllegalArgumentException("--format " + format.name() + ": none of the " + matrices.size() + " block matrices can be "
                    + format.name() + ", whose blocks have " + format.blockSize() + " values; their rows have " + rows
                    + ": take a type of smaller blocks, such as q4_0 or q8_0 (32 values), or f16 (any)");
        }
    }

    private static boolean isFallback(PlannedTensor tensor) {
        return tensor.note().startsWith("rows of");
    }

    /** Which tensors take another format than the one that was asked for, a line for each reason. */
    List<String> fallbacks() {
        record Cause(String format, String note) {
        }
        Map<Cause, List<PlannedTensor>> causes = plan.tensors().stream().filter(QuantizeSummary::isFallback).collect(
                Collectors.groupingBy(tensor -> new Cause(tensor.format().name(), tensor.note()), LinkedHashMap::new, Collectors.toList()));
        List<String> lines = new ArrayList<>();
        causes.forEach((cause, tensors) -> lines.add((tensors.size() == 1
                ? tensors.getFirst().name() + " becomes "
                : tensors.size() + " tensors (" + tensors.getFirst().name() + ", ...) become ") + cause.format + ": " + cause.note));
        return lines;
    }

    /** What a dry run prints. */
    String plannedText() {
        StringBuilder text = new StringBuilder();
        Widths widths = new Widths(plan.tensors().stream().map(PlannedTensor::name).toList(),
                plan.tensors().stream().map(tensor -> tensor.format().name()).toList());
        for (PlannedTensor tensor : plan.tensors()) {
            text.append(widths.start(tensor.name(), tensor.format().name())).append(String.format(Locale.ROOT,
                    " %,14d values %,14d bytes  %s", tensor.elements(), tensor.bytes(), tensor.note()).stripTrailing()).append('\n');
        }
        return text.append(String.format(Locale.ROOT, "%s: architecture %s, %,d values, %,d bytes%n", output,
                Printable.of(plan.architecture()), plan.elements(), plan.bytes())).append(verdict()).toString();
    }

    /** What a run prints. */
    String writtenText(QuantizeReport report) {
        StringBuilder text = new StringBuilder();
        Widths widths = new Widths(report.tensors().stream().map(QuantizeReport.Tensor::name).toList(),
                report.tensors().stream().map(QuantizeReport.Tensor::format).toList());
        for (QuantizeReport.Tensor tensor : report.tensors()) {
            text.append(widths.start(tensor.name(), tensor.format()))
                    .append(String.format(Locale.ROOT, " %,14d bytes  relative error %.5f%n",
                            tensor.bytes(), tensor.relativeError()));
        }
        report.meanOutliers().ifPresent(effect -> text.append(String.format("  outliers before and after --incoherence: %s%n", effect)));
        text.append(String.format(Locale.ROOT, "%s: architecture %s, %,d bytes, %.1f s%s%n", report.file(),
                Printable.of(report.architecture()), report.bytes(), report.seconds(),
                report.resumed() == 0 ? "" : ", " + report.resumed() + " tensors were written before"));
        text.append(String.format(Locale.ROOT, "relative error of all values together %.5f, of the block matrices %.5f%n",
                report.relativeError(), report.relativeErrorOfMatrices()));
        return text.append(verdict()).toString();
    }

    private String verdict() {
        return String.format(Locale.ROOT, "%d of %d block matrices %s %s; %.3f bits per weight%n", asked, matrices.size(),
                asked == 1 ? "is" : "are", options.format().name(), plan.bitsPerWeight());
    }

    /** A dry run as JSON: what only a run can know is null. */
    Map<String, Object> planned(List<String> notes) {
        return json(null, notes);
    }

    /** A run as JSON. */
    Map<String, Object> written(QuantizeReport report, List<String> notes) {
        return json(report, notes);
    }

    private Map<String, Object> json(@Nullable QuantizeReport report, List<String> notes) {
        Map<String, QuantizeReport.Tensor> written = report == null
                ? Map.of()
                : report.tensors().stream().collect(Collectors.toMap(QuantizeReport.Tensor::name, Function.identity()));
        Map<String, @Nullable Object> result = new LinkedHashMap<>();
        result.put("output", output);
        result.put("format", options.format().name());
        result.put("architecture", plan.architecture());
        result.put("bytes", plan.bytes());
        result.put("values", plan.elements());
        result.put("bits_per_weight", plan.bitsPerWeight());
        result.put("block_matrices", matrices.size());
        result.put("block_matrices_in_format", asked);
        result.put("relative_error", report == null ? null : report.relativeError());
        result.put("relative_error_block_matrices", report == null ? null : report.relativeErrorOfMatrices());
        result.put("resumed", report == null ? null : report.resumed());
        result.put("seconds", report == null ? null : report.seconds());
        result.put("notes", notes);
        result.put("tensors", plan.tensors().stream().map(tensor -> row(tensor, written.get(tensor.name()))).toList());
        return result;
    }

    private static Map<String, Object> row(PlannedTensor tensor, QuantizeReport.@Nullable Tensor written) {
        Map<String, @Nullable Object> row = new LinkedHashMap<>();
        row.put("name", tensor.name());
        row.put("shape", Arrays.stream(tensor.shape()).boxed().toList());
        row.put("format", written == null ? tensor.format().name() : written.format());
        row.put("incoherence", tensor.rotation().map(rotation -> rotation.kind().label()).orElse("none"));
        row.put("rounding", tensor.copied() ? "copied" : tensor.rounding().name().toLowerCase(Locale.ROOT));
        row.put("bytes", tensor.bytes());
        row.put("relative_error", written == null ? null : written.relativeError());
        row.put("outliers", written == null ? null : written.outliers());
        row.put("note", tensor.note());
        return row;
    }

    /** Columns as wide as what stands in them. */
    private record Widths(int name, int format) {

        Widths(List<String> names, List<String> formats) {
            this(widest(names), widest(formats));
        }

        private static int widest(List<String> texts) {
            return texts.stream().mapToInt(text -> Printable.of(text).length()).max().orElse(1);
        }

        String start(String tensor, String type) {
            return String.format("  %-" + name + "s %-" + format + "s", Printable.of(tensor), type);
        }
    }
}
