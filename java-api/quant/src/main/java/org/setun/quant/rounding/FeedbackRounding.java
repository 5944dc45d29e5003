package org.setun.quant.rounding;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;

/**
 * GPTQ and LDLQ: groups are rounded from left to right, each to a target that makes up for the errors made before it ({@link Feedback}), and
 * coordinate descent may follow. Both methods are this one loop; GPTQ is LDLQ with groups of one column, and a format that rounds several
 * values together (a lattice) gets LDLQ's block form under either name.
 *
 * <p>From left to right, although QuIP# goes the other way: a block's scales must be known when its first group is rounded, and its groups
 * come in rising order ({@link org.setun.quant.format.BlockRounder}). They are fitted to the block's targets at that moment, with the diagonal
 * of the loss that remains as importance unless the caller gives one. The factorization is mirrored to match, so the loss has the same form.
 *
 * <p>Columns go in panels of at least 128: what the errors left of a panel add to its targets is one matrix product, the rest is done row by
 * row. Prepared once per Hessian, for all matrices that read the same input; H is not kept.
 */
public final class FeedbackRounding implements Rounding {

    /** Values of a slab of rows: what one product works on. */
    private static final int SLAB_VALUES = 1 << 22;
    /** Blocks of a slab: each has a rounder of its own, which must not outweigh the values. */
    private static final int SLAB_BLOCKS = 1 << 16;
    private static final int PANEL = 128;
    /** The damping grows by this where fp32 cannot factor H, and so often. */
    private static final int DAMPING_STEP = 10;
    private static final int DAMPING_TRIES = 6;

    private final Backend backend;
    private final WeightFormat format;
    private final Workers workers;
    private final int columns;
    private final int group;
    /** Column of the matrix by position in the order of rounding. */
    private final int[] order;
    private final int tunePasses;
    private final Arena arena = Arena.ofShared();
    private final Feedback later;
    private final @Nullable Feedback all;
    private final float[] conditional;
    private double damping;

    private FeedbackRounding(Backend backend, WeightFormat format, Hessian hessian, FeedbackOptions options, Workers workers) {
        this.backend = backend;
        this.format = format;
        this.workers = workers;
        columns = hessian.columns();
        format.rowBytes(columns);
        group = format.groupSize();
        tunePasses = options.tunePasses();
        order = order(hessian, format.blockSize(), options.actOrder());
        try {
            MemorySegment copy = Feedback.allocate(arena, columns, columns);
            later = factored(hessian, options.damping(), copy);
            if (tunePasses > 0) {
                MemorySegment second = Feedback.allocate(arena, columns, columns);
                damped(hessian, damping, second);
                all = Feedback.descent(second, columns, group, workers);
            } else {
                all = null;
            }
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
        conditional = new float[columns];
        for (int j = 0; j < columns; j++) {
            conditional[j] = (float) later.forms()[j * group + j % group];
        }
    }

    /** GPTQ, usually with {@link FeedbackOptions#GPTQ}. The backend serves this rounding alone while it encodes; it is not closed. */
    public static FeedbackRounding gptq(Backend backend, WeightFormat format, Hessian hessian, FeedbackOptions options, Workers workers) {
        return new FeedbackRounding(backend, format, hessian, options, workers);
    }

    /** LDLQ, usually with {@link FeedbackOptions#LDLQ}. The backend serves this rounding alone while it encodes; it is not closed. */
    public static FeedbackRounding ldlq(Backend backend, WeightFormat format, Hessian hessian, FeedbackOptions options, Workers workers) {
        return new FeedbackRounding(backend, format, hessian, options, workers);
    }

    @Override
    public WeightFormat format() {
        return format;
    }

    /** The damping that was used: more than asked for where H could not be factored with that. */
    public double damping() {
        return damping;
    }

    /** The columns in the order of rounding: whole blocks, so that a block's groups come in rising order. */
    private static int[] order(Hessian hessian, int block, boolean byActivation) {
        int count = hessian.columns() / block;
        double[] sums = new double[count];
        if (byActivation) {
            float[] diagonal = hessian.diagonal();
            for (int j = 0; j < diagonal.length; j++) {
                sums[j / block] += diagonal[j];
            }
        }
        return IntStream.range(0, count).boxed().sorted(Comparator.comparingDouble(b -> -sums[b]))
                .flatMapToInt(b -> IntStream.range(b * block, (b + 1) * block)).toArray();
    }

    private Feedback factored(Hessian hessian, double asked, MemorySegment copy) {
        damping = asked;
        for (int attempt = 0; attempt < DAMPING_TRIES; attempt++) {
            damped(hessian, damping, copy);
            Feedback feedback = Feedback.ldl(backend, copy, columns, group, workers);
            if (feedback != null) {
                return feedback;
            }
            damping = Math.max(damping * DAMPING_STEP, 1e-4);
        }
        throw new IllegalArgumentException("hessian: not positive definite even with a damping of " + damping
                + " times its mean diagonal; it is no matrix of second moments");
    }

    /** H in the order of rounding, with the damping on its diagonal. */
    private void damped(Hessian hessian, double factor, MemorySegment into) {
        float[] diagonal = hessian.diagonal();
        double mean = IntStream.range(0, columns).mapToDouble(j -> diagonal[j]).sum() / columns;
        double added = mean > 0 ? factor * mean : 1;
        workers.forEach(columns, () -> new float[2][columns], (rows, i) -> {
            MemorySegment.copy(hessian.values(), ValueLayout.JAVA_FLOAT_UNALIGNED, (long) order[i] * columns * Float.BYTES, rows[0], 0,
                    columns);
            for (int j = 0; j < columns; j++) {
                float value = rows[0][order[j]];
                if (!Float.isFinite(value)) {
                    throw new IllegalArgumentException("hessian[" + order[i] + "][" + order[j] + "] = " + value + " must be finite");
                }
                rows[1][j] = value;
            }
            rows[1][i] = (float) (rows[1][i] + added);
            MemorySegment.copy(rows[1], 0, into, ValueLayout.JAVA_FLOAT, (long) i * columns * Float.BYTES, columns);
        });
    }

    @Override
    public void encode(WeightRows weights, long from, int count, float @Nullable [] importance, MemorySegment blocks, long at) {
        if (weights.columns() != columns) {
            throw new IllegalArgumentException("weights has " + weights.columns() + " columns; the Hessian has " + columns);
        }
        long rowBytes = RoundingChecks.rows(format, weights, from, count, importance, blocks, at);
        float[] weighting = conditional;
        if (importance != null) {
            weighting = new float[columns];
            for (int j = 0; j < columns; j++) {
                weighting[j] = importance[order[j]];
            }
        }
        int slab = Math.max(1, Math.min(count, Math.min(SLAB_VALUES, SLAB_BLOCKS * format.blockSize()) / columns));
        int panel = Math.min(columns, format.blockSize() * Math.max(1, PANEL / format.blockSize()));
        try (Arena scratch = Arena.ofShared()) {
            FeedbackSlab work = new FeedbackSlab(backend, format, order, panel, weighting, workers, slab, scratch);
            for (int first = 0; first < count; first += slab) {
                int rows = Math.min(slab, count - first);
                work.read(weights, from + first, rows);
                work.pass(later, true);
                for (int pass = 0; pass < tunePasses && work.pass(all, false); pass++) {
                    // until nothing changes
                }
                work.write(blocks, at + first * rowBytes, rowBytes);
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }

    @Override
    public String toString() {
        return "feedback over " + columns + " columns in groups of " + group + ", damping " + damping + ", tune passes " + tunePasses
                + (Arrays.equals(order, IntStream.range(0, columns).toArray()) ? "" : ", act-order");
    }
}
