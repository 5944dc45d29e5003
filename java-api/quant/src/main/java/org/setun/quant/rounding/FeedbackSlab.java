package org.setun.quant.rounding;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import org.setun.kernels.Backend;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;

/** Some rows on their way through {@link FeedbackRounding}: weights, errors and the rounders that hold their codes, in the order of rounding. */
final class FeedbackSlab {

    private final Backend backend;
    private final WeightFormat format;
    private final int[] order;
    private final int columns;
    private final int panel;
    private final float[] weighting;
    private final Workers workers;
    private final MemorySegment weights;
    private final MemorySegment errors;
    private final MemorySegment targets;
    private final BlockRounder[][] rounders;
    /** The part of the feedback that stays within the panel. */
    private final float[] within;
    private int rows;

    FeedbackSlab(Backend backend, WeightFormat format, int[] order, int panel, float[] weighting, Workers workers, int rows, Arena arena) {
        this.backend = backend;
        this.format = format;
        this.order = order;
        this.panel = panel;
        this.weighting = weighting;
        this.workers = workers;
        columns = order.length;
        weights = Feedback.allocate(arena, rows, columns);
        errors = Feedback.allocate(arena, rows, columns);
        targets = Feedback.allocate(arena, rows, panel);
        rounders = new BlockRounder[rows][columns / format.blockSize()];
        for (BlockRounder[] row : rounders) {
            Arrays.setAll(row, b -> format.newRounder());
        }
        within = new float[panel * panel];
    }

    /** Takes {@code count} rows; all errors become 0. */
    void read(WeightRows source, long from, int count) {
        rows = count;
        float[] row = new float[columns];
        float[] ordered = new float[columns];
        for (int r = 0; r < count; r++) {
            source.read(from + r, row, 0);
            for (int j = 0; j < columns; j++) {
                ordered[j] = row[order[j]];
            }
            MemorySegment.copy(ordered, 0, weights, ValueLayout.JAVA_FLOAT, at(r, 0), columns);
        }
        errors.fill((byte) 0);
    }

    /**
     * Rounds all groups in order against the errors of the others.
     *
     * @param first scales are fitted and every code is taken; otherwise only codes that lower the loss are
     * @return whether a code changed
     */
    boolean pass(Feedback feedback, boolean first) {
        AtomicBoolean changed = new AtomicBoolean();
        for (int start = 0; start < columns; start += panel) {
            int begin = start;
            int width = Math.min(panel, columns - start);
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(weights, at(r, begin), targets, (long) r * width * Float.BYTES, (long) width * Float.BYTES);
            }
            int known = first ? start : columns;
            if (known > 0) {
                backend.gemmF32(false, false, rows, width, known, 1, errors, columns,
                        feedback.matrix().asSlice((long) start * Float.BYTES), columns, 1, targets, width);
            }
            for (int i = 0; i < width; i++) {
                MemorySegment.copy(feedback.matrix(), ValueLayout.JAVA_FLOAT, at(start + i, start), within, i * width, width);
            }
            workers.forEach(rows, () -> new Line(width), (line, r) -> {
                MemorySegment.copy(targets, ValueLayout.JAVA_FLOAT, (long) r * width * Float.BYTES, line.target, 0, width);
                MemorySegment.copy(weights, ValueLayout.JAVA_FLOAT, at(r, begin), line.weight, 0, width);
                MemorySegment.copy(errors, ValueLayout.JAVA_FLOAT, at(r, begin), line.error, 0, width);
                if (round(feedback, line, rounders[r], begin, width, first)) {
                    changed.set(true);
                }
                MemorySegment.copy(line.error, 0, errors, ValueLayout.JAVA_FLOAT, at(r, begin), width);
            });
        }
        return changed.get();
    }

    private boolean round(Feedback feedback, Line line, BlockRounder[] row, int begin, int width, boolean first) {
        int block = format.blockSize();
        int group = format.groupSize();
        boolean changed = false;
        for (int at = 0; at < width; at += group) {
            BlockRounder rounder = row[(begin + at) / block];
            int index = at % block;
            if (first && index == 0) {
                rounder.fit(line.target, at, shifted(line.importance, begin, at, block));
            }
            rounder.round(index, line.target, at, line.rounded, 0);
            if (!first && !lower(feedback, line, (begin + at) / group, at, group)) {
                for (int j = 0; j < group; j++) {
                    line.old[j] = line.weight[at + j] - line.error[at + j];
                }
                rounder.round(index, line.old, 0, line.rounded, 0);
                continue;
            }
            for (int j = 0; j < group; j++) {
                float error = line.weight[at + j] - line.rounded[j];
                float delta = error - line.error[at + j];
                line.error[at + j] = error;
                if (delta != 0) {
                    changed = true;
                    int from = (at + j) * width;
                    for (int k = at + group; k < width; k++) {
                        line.target[k] += delta * within[from + k];
                    }
                }
            }
        }
        return changed;
    }

    /** The importance of a block, at the indices of its targets. */
    private float[] shifted(float[] into, int begin, int at, int block) {
        System.arraycopy(weighting, begin + at, into, at, block);
        return into;
    }

    /** Whether the new code of group {@code k} leaves less loss than the old one, for the target at hand. */
    private static boolean lower(Feedback feedback, Line line, int k, int at, int group) {
        for (int j = 0; j < group; j++) {
            line.before[j] = line.target[at + j] - (line.weight[at + j] - line.error[at + j]);
            line.after[j] = line.target[at + j] - line.rounded[j];
        }
        return feedback.cost(k, group, line.after) < feedback.cost(k, group, line.before);
    }

    /** Stores all codes, the first row at byte {@code to}. */
    void write(MemorySegment blocks, long to, long rowBytes) {
        int block = format.blockSize();
        for (int r = 0; r < rows; r++) {
            for (int b = 0; b < columns / block; b++) {
                rounders[r][b].write(blocks, to + r * rowBytes + (long) (order[b * block] / block) * format.blockBytes());
            }
        }
    }

    private long at(long row, int column) {
        return (row * columns + column) * Float.BYTES;
    }

    /** One row's part of a panel, and room for one group. */
    private final class Line {

        final float[] target;
        final float[] weight;
        final float[] error;
        final float[] importance;
        final float[] rounded = new float[format.groupSize()];
        final float[] old = new float[format.groupSize()];
        final double[] before = new double[format.groupSize()];
        final double[] after = new double[format.groupSize()];

        Line(int width) {
            target = new float[width];
            weight = new float[width];
            error = new float[width];
            importance = new float[width];
        }
    }
}
