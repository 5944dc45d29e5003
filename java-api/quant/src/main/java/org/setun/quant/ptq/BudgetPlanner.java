package org.setun.quant.ptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.setun.quant.budget.Allocation;
import org.setun.quant.budget.Option;
import org.setun.quant.budget.PrecisionBudget;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.format.WeightRows;
import org.setun.quant.ptq.input.InputTensor;
import org.setun.quant.ptq.input.ModelInput;

/**
 * Gives each matrix of the blocks a format of its own, so that the file stays within a budget of bytes and loses least. What a matrix loses in a
 * format is what its errors cost at its output ({@link Sensitivity}), measured on some of its rows as they will be stored, rounded to nearest:
 * the adaptive methods lower it in all formats alike, and would have to be prepared for each.
 */
final class BudgetPlanner {

    /** Formats of one kind, which may be mixed; the one that was asked for is the largest that is used. */
    private static final List<List<String>> FAMILIES = List.of(
            List.of("q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "q8_0"), List.of("q4_0", "q5_0", "q8_0"), List.of("pi-q2", "pi-q3"),
            List.of("pi-tan2", "pi-tan3"), List.of("e8p:bits=2", "e8p:bits=3", "e8p:bits=4"));
    private static final int SAMPLED_ROWS = 32;
    /** Matrices beyond which the best allocation is searched greedily. */
    private static final int EXACT = 128;
    private static final long ALIGNMENT = 32;
    /** The loss of a format that cannot hold a matrix: finite, so that losses can be added. */
    private static final double UNUSABLE = 1e200;

    private final ModelInput input;
    private final QuantizeOptions options;
    private final MatrixSources sources;

    BudgetPlanner(ModelInput input, QuantizeOptions options, MatrixSources sources) {
        this.input = input;
        this.options = options;
        this.sources = sources;
    }

    /**
     * The plan within {@link QuantizeOptions#budget()}.
     *
     * @param plan  with every matrix in the format that was asked for
     * @param bytes of a file of that plan
     * @throws IllegalArgumentException if not even the smallest formats fit
     */
    List<PlannedTensor> within(List<PlannedTensor> plan, long bytes) {
        List<PlannedTensor> mixed = plan.stream().filter(BudgetPlanner::mayChange).toList();
        if (mixed.isEmpty()) {
            throw new IllegalArgumentException("budget = " + options.budget() + ", but every tensor has a type of its own already");
        }
        Map<String, InputTensor> inputs = input.tensors().stream().collect(Collectors.toMap(InputTensor::name, tensor -> tensor));
        long rest = bytes - mixed.stream().mapToLong(PlannedTensor::bytes).sum() + ALIGNMENT * mixed.size();
        List<List<Option>> choices = mixed.stream().map(tensor -> choices(inputs.get(tensor.name()), tensor)).toList();
        PrecisionBudget budget = new PrecisionBudget(choices);
        long left = options.budget() - rest;
        if (left < budget.leastBytes()) {
            throw new IllegalArgumentException("budget = " + options.budget() + " bytes is below the " + (rest + budget.leastBytes())
                    + " that the smallest formats of this kind take; raise it, or keep embedding and head in a smaller type");
        }
        Allocation allocation = mixed.size() <= EXACT ? budget.exact(left) : budget.greedy(left);
        List<PlannedTensor> chosen = new ArrayList<>();
        int next = 0;
        for (PlannedTensor tensor : plan) {
            if (!mayChange(tensor)) {
                chosen.add(tensor);
                continue;
            }
            WeightFormat format = WeightFormats.parse(allocation.options().get(next++).name());
            boolean copied = tensor.rotation().isEmpty() && inputs.get(tensor.name()).type().isPresent()
                    && format.ggmlType().equals(inputs.get(tensor.name()).type());
            chosen.add(
                    tensor.in(format, copied, format.name().equals(tensor.format().name()) ? tensor.note() : "chosen within the budget"));
        }
        return chosen;
    }

    private static boolean mayChange(PlannedTensor tensor) {
        return tensor.shape().length == 2 && tensor.name().startsWith("blk.") && !tensor.kept()
                && tensor.format().bitsPerWeight() < 16;
    }

    private List<Option> choices(InputTensor original, PlannedTensor tensor) {
        List<WeightFormat> formats = new ArrayList<>(List.of(tensor.format()));
        String kind = base(tensor.format().name());
        FAMILIES.stream().filter(family -> family.stream().anyMatch(name -> base(name).equals(kind))).flatMap(List::stream).distinct()
                .filter(name -> WeightFormats.names().contains(base(name))).map(WeightFormats::parse)
                .filter(format -> format.bitsPerWeight() < tensor.format().bitsPerWeight() && tensor.columns() % format.blockSize() == 0)
                .forEach(formats::add);
        try (MatrixSources.Weighed weighed = sources.weighed(original, tensor)) {
            return formats.stream().map(format -> option(tensor, format, weighed)).toList();
        }
    }

    private static String base(String name) {
        int colon = name.indexOf(':');
        return colon < 0 ? name : name.substring(0, colon);
    }

    /** The loss of a matrix in a format, from evenly spaced rows. */
    private static Option option(PlannedTensor tensor, WeightFormat format, MatrixSources.Weighed weighed) {
        WeightRows rows = weighed.source().rows();
        WeightFormat fitted = format.fitted(rows);
        int count = (int) Math.min(SAMPLED_ROWS, tensor.rows());
        int columns = tensor.columns();
        float[] row = new float[columns];
        float[] stored = new float[columns];
        float[] errors = new float[count * columns];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment blocks = arena.allocate(fitted.rowBytes(columns), 64);
            for (int i = 0; i < count; i++) {
                long index = i * tensor.rows() / count;
                rows.read(index, row, 0);
                TensorEncoder.requireFinite("model", tensor.name(), index, row);
                fitted.encode(row, 0, columns, weighed.source().importance(), blocks, 0);
                fitted.decode(blocks, 0, columns, stored, 0);
                for (int j = 0; j < columns; j++) {
                    errors[i * columns + j] = stored[j] - row[j];
                }
            }
        }
        double loss = weighed.sensitivity().loss(errors) / count * tensor.rows();
        return new Option(format.name(), tensor.rows() * format.rowBytes(columns), loss <= UNUSABLE ? loss : UNUSABLE);
    }
}
