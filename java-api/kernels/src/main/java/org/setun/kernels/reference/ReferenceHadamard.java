package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardFactors;
import org.setun.kernels.HadamardOps;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

/** Hadamard transforms: the stages of the power of two in their fixed order, then the Paley factors from the innermost outwards. */
final class ReferenceHadamard {

    /** The distances of the first stages, as far as they are below the power of two; the further ones follow in ascending order. */
    private static final int[] FIRST_DISTANCES = {16, 32, 64, 1, 2, 128, 256, 4, 512, 1024, 2048, 8};

    private ReferenceHadamard() {
    }

    static void signs(long seed, long n, MemorySegment signs) {
        SplittableRandom random = new SplittableRandom(seed);
        long word = 0;
        for (long i = 0; i < HadamardOps.signBytes(n); i++) {
            word = i % 8 == 0 ? random.nextLong() : word >>> 8;
            long left = n - 8 * i;
            Segments.i8(signs, i, (int) (left < 8 ? word & (1 << left) - 1 : word));
        }
    }

    static void transform(Element element, boolean inverse, MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n,
            MemorySegment y, long ldy) {
        for (long i = 0; i < rows; i++) {
            if (element == Element.F32) {
                Segments.floats(transformed(Segments.floats(x, i * ldx, n), signs, inverse), y, i * ldy);
            } else {
                float[] row = new float[Math.toIntExact(n)];
                for (int j = 0; j < n; j++) {
                    row[j] = Bf16.get(x, i * ldx + j);
                }
                float[] values = transformed(row, signs, inverse);
                for (int j = 0; j < n; j++) {
                    y.set(JAVA_SHORT_UNALIGNED, 2 * (i * ldy + j), (short) (Float.floatToIntBits(Bf16.round(values[j])) >>> 16));
                }
            }
        }
    }

    static void quantize(MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n, @Nullable MemorySegment y,
            MemorySegment q, MemorySegment step, MemorySegment sum) {
        for (long i = 0; i < rows; i++) {
            float[] row = transformed(Segments.floats(x, i * ldx, n), signs, false);
            if (y != null) {
                Segments.floats(row, y, i * n);
            }
            ReferenceTernary.quantizeRow(row, i, q, step, sum);
        }
    }

    private static float[] transformed(float[] x, @Nullable MemorySegment signs, boolean inverse) {
        HadamardFactors factors = HadamardFactors.of(x.length);
        int block = (int) factors.block();
        if (!inverse) {
            changeSigns(x, signs);
        }
        for (int first = 0; first < x.length; first += block) {
            transformBlock(x, first, factors, inverse);
        }
        float scale = (float) (1 / Math.sqrt(block));
        for (int i = 0; i < x.length; i++) {
            x[i] *= scale;
        }
        if (inverse) {
            changeSigns(x, signs);
        }
        return x;
    }

    private static void changeSigns(float[] x, @Nullable MemorySegment signs) {
        for (int i = 0; signs != null && i < x.length; i++) {
            if ((Segments.i8(signs, i / 8) >> i % 8 & 1) != 0) {
                x[i] = -x[i];
            }
        }
    }

    private static void transformBlock(float[] x, int first, HadamardFactors factors, boolean inverse) {
        int block = (int) factors.block();
        for (int h : FIRST_DISTANCES) {
            if (h < factors.power()) {
                stage(x, first, block, h);
            }
        }
        for (int h = 1 << FIRST_DISTANCES.length; h < factors.power(); h *= 2) {
            stage(x, first, block, h);
        }
        int stride = (int) factors.power();
        List<Integer> orders = factors.paley();
        for (int order : orders.reversed()) {
            PaleyMatrix matrix = new PaleyMatrix(order);
            for (int outer = 0; outer < block; outer += order * stride) {
                for (int column = 0; column < stride; column++) {
                    transformColumn(x, first + outer + column, stride, matrix, inverse);
                }
            }
            stride *= order;
        }
    }

    /** Sums and differences of the values h apart; the power of two is innermost, and divides the block. */
    private static void stage(float[] x, int first, int block, int h) {
        for (int i = 0; i < block; i++) {
            if ((i & h) == 0) {
                float a = x[first + i];
                float b = x[first + i + h];
                x[first + i] = a + b;
                x[first + i + h] = a - b;
            }
        }
    }

    private static void transformColumn(float[] x, int first, int stride, PaleyMatrix matrix, boolean inverse) {
        int order = matrix.order();
        float[] column = new float[order];
        for (int i = 0; i < order; i++) {
            column[i] = x[first + i * stride];
        }
        float[] product = matrix.isConference() ? conferenceProduct(column, matrix) : product(column, matrix, inverse);
        for (int i = 0; i < order; i++) {
            x[first + i * stride] = product[i];
        }
    }

    /** Every sum in the order of the columns. */
    private static float[] product(float[] x, PaleyMatrix matrix, boolean transposed) {
        float[] y = new float[x.length];
        for (int i = 0; i < y.length; i++) {
            float sum = (transposed ? matrix.sign(0, i) : matrix.sign(i, 0)) * x[0];
            for (int j = 1; j < x.length; j++) {
                sum += (transposed ? matrix.sign(j, i) : matrix.sign(i, j)) * x[j];
            }
            y[i] = sum;
        }
        return y;
    }

    /** The same of half the additions: sums and differences of pairs, each through the conference matrix; the diagonal takes the other of the pair. */
    private static float[] conferenceProduct(float[] x, PaleyMatrix matrix) {
        int c = x.length / 2;
        float[] u = new float[c];
        float[] v = new float[c];
        for (int j = 0; j < c; j++) {
            u[j] = x[2 * j] + x[2 * j + 1];
            v[j] = x[2 * j] - x[2 * j + 1];
        }
        float[] y = new float[x.length];
        for (int i = 0; i < c; i++) {
            float even = i == 0 ? v[0] : u[0];
            float odd = i == 0 ? -u[0] : v[0];
            for (int j = 1; j < c; j++) {
                even += i == j ? v[i] : matrix.conferenceSign(i, j) * u[j];
                odd += i == j ? -u[i] : matrix.conferenceSign(i, j) * v[j];
            }
            y[2 * i] = even;
            y[2 * i + 1] = odd;
        }
        return y;
    }
}
