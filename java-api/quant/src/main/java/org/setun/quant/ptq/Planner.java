package org.setun.quant.ptq;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.setun.formats.FormatException;
import org.setun.formats.NearNames;
import org.setun.formats.gguf.GgmlType;
import org.setun.quant.format.StoredFormat;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.incoherence.OrthogonalRotation;
import org.setun.quant.incoherence.Rotations;
import org.setun.quant.ptq.input.InputTensor;

/**
 * Chooses a format for each tensor. In this order:
 * <ol>
 * <li>the first keep rule that matches;
 * <li>vectors (norms, biases, scales) are F32, and so is what routes tokens to experts;
 * <li>matrices of the blocks take the format that was asked for;
 * <li>embedding and head take Q6_K, or that format if it has more bits;
 * <li>what has more than two dimensions stays as it is, byte for byte; F16 where the input has it in no type of GGUF's.
 * </ol>
 * Where rows do not divide into the blocks of a format, the next one with more bits takes its place whose blocks fit: Q4_0, Q5_0, Q5_1,
 * Q8_0 (blocks
 * of 32 values), at last F16.
 */
final class Planner {

    /** Bits per value from which a format is as good as exact: neither rounded with care nor made incoherent unless asked for. */
    private static final int WIDE = 16;
    /** Names that an error suggests. */
    private static final int NEAR = 3;
    private static final String TABLES = "q6_k";
    private static final List<String> LADDER = List.of("q4_0", "q5_0", "q5_1", "q8_0", "f16");
    private static final Pattern BLOCK = Pattern.compile("blk\\.(\\d+)\\.(\\w+)\\.weight");
    /** Matrices of a block by what they read: those that read the same share the transform of their input. */
    private static final List<List<String>> READERS = List.of(List.of("attn_q", "attn_k", "attn_v"), List.of("attn_output"),
            List.of("ffn_gate", "ffn_up"), List.of("ffn_down"));

    private final QuantizeOptions options;

    Planner(QuantizeOptions options) {
        this.options = options;
    }

    /**
     * The plan of all tensors of a model.
     *
     * @throws IllegalArgumentException if a rule of the user matches no tensor, or one that cannot take its format
     */
    List<PlannedTensor> plan(List<InputTensor> tensors) {
        for (KeepRule rule : options.keeps()) {
            if (tensors.stream().noneMatch(tensor -> rule.matches(tensor.name()))) {
                throw new IllegalArgumentException("keep = '" + rule + "' matches no tensor; the nearest names are "
                        + String.join(", ", NearNames.of(rule.pattern(), tensors.stream().map(InputTensor::name).toList(), NEAR)));
            }
        }
        List<PlannedTensor> plan = tensors.stream().map(this::plan).toList();
        requireAffordable(plan);
        return plan;
    }

    /** Before hours of work, not after: dense orthogonal matrices are for small models. */
    private static void requireAffordable(List<PlannedTensor> plan) {
        record Side(long seed, long size) {
        }
        Set<Side> sides = new HashSet<>();
        for (PlannedTensor tensor : plan) {
            if (tensor.rotation().filter(rotation -> rotation.kind() == Incoherence.Method.ORTHOGONAL).isPresent()) {
                try {
                    OrthogonalRotation.requireSize(tensor.rows());
                    OrthogonalRotation.requireSize(tensor.columns());
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException("incoherence of " + tensor.name() + ": " + e.getMessage(), e);
                }
                sides.add(new Side(tensor.rotation().get().seed(), tensor.columns()));
                sides.add(new Side(tensor.rotation().get().seed() + 1, tensor.rows()));
            }
        }
        Rotations.requireWork(sides.stream().mapToDouble(side -> Math.pow(side.size, 3)).sum());
    }

    private PlannedTensor plan(InputTensor tensor) {
        Optional<KeepRule> rule = options.keeps().stream().filter(keep -> keep.matches(tensor.name())).findFirst();
        boolean matrix = isBlockMatrix(tensor.name(), tensor.shape());
        Optional<StoredRotation> rotation = matrix && options.incoherence() != null
                && rule.filter(keep -> keep.format().bitsPerWeight() >= WIDE).isEmpty()
                        ? Optional.of(new StoredRotation(options.incoherence().label(), seed(tensor.name())))
                        : Optional.empty();
        RoundingMethod rounding = matrix ? options.rounding() : RoundingMethod.NEAREST;
        if (rule.isPresent()) {
            requireFit(rule.get(), tensor);
            PlannedTensor kept = planned(tensor, rule.get().format(), rotation, rounding, "kept by " + rule.get().pattern());
            return new PlannedTensor(kept.name(), kept.shape(), kept.format(), kept.rotation(), kept.rounding(), true, kept.copied(),
                    kept.note());
        }
        if (tensor.shape().length == 1 || tensor.name().endsWith("ffn_gate_inp.weight")) {
            return planned(tensor, WeightFormats.parse("f32"), Optional.empty(), RoundingMethod.NEAREST, "");
        }
        if (tensor.shape().length > 2) {
            WeightFormat format = tensor.type().map(Planner::format).orElseGet(() -> WeightFormats.parse("f16"));
            return planned(tensor, format, Optional.empty(), RoundingMethod.NEAREST, tensor.shape().length + " dimensions");
        }
        return matrix
                ? fitting(tensor, options.format(), rotation, rounding)
                : fitting(tensor, tables(), Optional.empty(), RoundingMethod.NEAREST);
    }

    private static void requireFit(KeepRule rule, InputTensor tensor) {
        WeightFormat format = rule.format();
        if (format.ggmlType().isEmpty() && tensor.shape().length != 2) {
            throw new IllegalArgumentException("keep = '" + rule + "' matches " + tensor.name() + ", which has " + tensor.shape().length
                    + " dimension" + (tensor.shape().length == 1 ? "" : "s") + "; " + format.name()
                    + " stores matrices, which have 2: keep it in a type of GGUF's own, such as f32");
        }
        if (tensor.columns() % format.blockSize() != 0) {
            throw new IllegalArgumentException("keep = '" + rule + "' matches " + tensor.name() + ", whose rows of " + tensor.columns()
                    + " values are not blocks of " + format.blockSize() + "; keep it in a type of smaller blocks, such as q8_0 or f16");
        }
    }

    static boolean isBlockMatrix(String name, long[] shape) {
        return shape.length == 2 && BLOCK.matcher(name).matches() && !name.endsWith("ffn_gate_inp.weight");
    }

    private WeightFormat tables() {
        WeightFormat asked = options.format();
        WeightFormat tables = known(TABLES).orElseGet(() -> WeightFormats.parse("f16"));
        return asked.bitsPerWeight() > tables.bitsPerWeight() ? asked : tables;
    }

    private static PlannedTensor fitting(InputTensor tensor, WeightFormat asked, Optional<StoredRotation> rotation,
            RoundingMethod rounding) {
        if (tensor.columns() % asked.blockSize() == 0) {
            return planned(tensor, asked, rotation, rounding, "");
        }
        WeightFormat next = LADDER.stream().flatMap(name -> known(name).stream())
                .filter(format -> format.bitsPerWeight() > asked.bitsPerWeight() && tensor.columns() % format.blockSize() == 0)
                .findFirst().orElseGet(() -> WeightFormats.parse("f16"));
        String note = "rows of " + tensor.columns() + " values are not blocks of " + asked.blockSize() + " (" + asked.name() + ")";
        return planned(tensor, next, next.bitsPerWeight() >= WIDE ? Optional.empty() : rotation, rounding, note);
    }

    private static PlannedTensor planned(InputTensor tensor, WeightFormat format, Optional<StoredRotation> rotation,
            RoundingMethod rounding, String note) {
        boolean copied = rotation.isEmpty() && tensor.type().isPresent() && format.ggmlType().equals(tensor.type());
        boolean nearest = copied || format.bitsPerWeight() >= WIDE; // there is nothing to gain from the errors of so fine a grid
        return new PlannedTensor(tensor.name(), tensor.shape(), format, rotation, nearest ? RoundingMethod.NEAREST : rounding, false,
                copied, note);
    }

    private long seed(String name) {
        Matcher matcher = BLOCK.matcher(name);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("name = " + name + " is no matrix of a block");
        }
        int group = 0;
        while (group < READERS.size() && !READERS.get(group).contains(matcher.group(2))) {
            group++;
        }
        return options.seed() + 2 * ((READERS.size() + 1) * block(name, matcher.group(1)) + group); // a matrix takes two seeds
    }

    private static long block(String name, String number) {
        try {
            return Integer.parseInt(number);
        } catch (NumberFormatException e) {
            throw new FormatException("model", FormatException.NO_OFFSET, "tensor '" + name + "'",
                    "is of block " + number + ", and no model has that many", "the file is damaged", e);
        }
    }

    /** The format of a type, be it one that only takes over bytes. */
    private static WeightFormat format(GgmlType type) {
        return WeightFormats.names().stream().map(WeightFormats::parse).filter(format -> format.ggmlType().equals(Optional.of(type)))
                .findFirst().orElseGet(() -> new StoredFormat(type));
    }

    private static Optional<WeightFormat> known(String name) {
        return WeightFormats.names().contains(name) ? Optional.of(WeightFormats.parse(name)) : Optional.empty();
    }
}
