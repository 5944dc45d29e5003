package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.OptimOps.Adafactor;

import static org.setun.kernels.reference.Segments.f32;

/** Adafactor (arXiv 1804.04235). */
final class ReferenceAdafactor {

    private static final int CHUNK_ROWS = 64;

    private ReferenceAdafactor() {
    }

    static void update(Adafactor step, long rows, long columns, MemorySegment w, MemorySegment g, MemorySegment row, MemorySegment column,
            @Nullable MemorySegment gradFactor) {
        float factor = gradFactor == null ? 1 : f32(gradFactor, 0);
        if (factor == 0 || rows * columns == 0) {
            return;
        }
        double total = 0;
        for (long i = 0; i < rows; i++) {
            double squares = FixedSums.squares(g.asSlice(i * columns * Float.BYTES, columns * Float.BYTES), columns);
            f32(row, i, moment(step, f32(row, i), squares, factor, columns));
            total += f32(row, i);
        }
        for (long j = 0; j < columns; j++) {
            f32(column, j, moment(step, f32(column, j), columnSquares(g, rows, columns, j), factor, rows));
        }
        double mean = total / rows;
        float[][] u = new float[(int) rows][(int) columns];
        double squares = 0;
        for (int i = 0; i < rows; i++) {
            float ofRow = (float) Math.sqrt(mean / f32(row, i));
            for (int j = 0; j < columns; j++) {
                u[i][j] = f32(g, i * columns + j) * factor * ofRow * (float) (1 / Math.sqrt(f32(column, j)));
            }
            squares += FixedSums.squares(u[i]);
        }
        double rms = Math.sqrt(squares / ((double) rows * columns));
        float clip = rms > step.clip() ? (float) (step.clip() / rms) : 1;
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                float weight = f32(w, i * columns + j);
                f32(w, i * columns + j, weight - step.lr() * (clip * u[i][j] + step.weightDecay() * weight));
            }
        }
    }

    private static double columnSquares(MemorySegment g, long rows, long columns, long j) {
        double total = 0;
        for (long first = 0; first < rows; first += CHUNK_ROWS) {
            double sum = 0;
            for (long i = first; i < Math.min(rows, first + CHUNK_ROWS); i++) {
                double value = f32(g, i * columns + j);
                sum += value * value;
            }
            total += sum;
        }
        return total;
    }

    private static float moment(Adafactor step, float before, double squares, float factor, long count) {
        float mean = (float) (squares * ((double) factor * factor) / count) + step.eps();
        return step.beta2() * before + (1 - step.beta2()) * mean;
    }
}
