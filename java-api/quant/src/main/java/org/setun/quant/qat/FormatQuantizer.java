package org.setun.quant.qat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.LongStream;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.UniformWeight;
import org.setun.quant.format.WeightFormat;

/**
 * Rounds a weight to what a storage format would keep of it: training then sees the very values of the file that will be written, be it
 * {@code q4_0}, {@code pi-q2} or {@code e8p}. Each step rounds anew, scales included; the gradient passes straight through (arXiv 1308.3432).
 * Products run in fp32 on those values; codes and scales, which differ from format to format, are not shown.
 *
 * @param format one whose parameters are all given
 */
public record FormatQuantizer(WeightFormat format) implements WeightQuantizer {

    /** Values that one task rounds. */
    private static final long TASK = 1 << 16;

    public FormatQuantizer {
        if (!format.isFitted()) {
            throw new IllegalArgumentException("format = " + format.name()
                    + " chooses its parameter for each matrix, training needs one for all: name it, such as pi-tan3:K=14");
        }
    }

    @Override
    public String name() {
        return format.name();
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        if (inputs % format.blockSize() != 0) {
            throw new IllegalArgumentException("inputs = " + inputs + " must be a multiple of " + format.blockSize() + ", the block of "
                    + format.name()
                    + ": choose a format of smaller blocks (q4_0 has 32) or levels without blocks (quantization.weights = \"uniform\")");
        }
        return new UniformWeight(Tensor.allocate(allocator, DType.I8, 0), Tensor.allocate(allocator, DType.F32, 0),
                Tensor.allocate(allocator, DType.F32, outputs, inputs));
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        Tensor values = ((UniformWeight) into).values();
        long columns = latent.columns();
        long rows = Math.clamp(TASK / Math.max(1, columns), 1, Math.max(1, latent.rows()));
        LongStream.range(0, Math.ceilDiv(latent.rows(), rows)).parallel().forEach(
                task -> round(latent.segment(), values.segment(), task * rows, Math.min(latent.rows(), (task + 1) * rows),
                        Math.toIntExact(columns)));
    }

    private void round(MemorySegment latent, MemorySegment values, long first, long last, int columns) {
        float[] row = new float[columns];
        MemorySegment blocks = MemorySegment.ofArray(new byte[Math.toIntExact(format.rowBytes(columns))]);
        for (long i = first; i < last; i++) {
            MemorySegment.copy(latent, ValueLayout.JAVA_FLOAT, i * columns * Float.BYTES, row, 0, columns);
            format.encode(row, 0, columns, null, blocks, 0);
            format.decode(blocks, 0, columns, row, 0);
            MemorySegment.copy(row, 0, values, ValueLayout.JAVA_FLOAT, i * columns * Float.BYTES, columns);
        }
    }
}
