package org.setun.quant.rounding;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;

/**
 * A uniform grid for tests: one fp32 step per block, one byte per value.
 *
 * @param step fixed for all blocks; 0: the largest magnitude / {@code most} of each block
 */
record GridFormat(int blockSize, int groupSize, int most, float step) implements WeightFormat {

    @Override
    public String name() {
        return "grid";
    }

    @Override
    public int blockBytes() {
        return blockSize + 4;
    }

    @Override
    public Optional<GgmlType> ggmlType() {
        return Optional.empty();
    }

    @Override
    public BlockRounder newRounder() {
        return new BlockRounder() {
            private final byte[] codes = new byte[blockSize];
            private float fitted;

            @Override
            public void fit(float[] values, int from, float @Nullable [] importance) {
                float largest = 0;
                for (int i = 0; i < blockSize; i++) {
                    largest = Math.max(largest, Math.abs(values[from + i]));
                }
                fitted = step > 0 ? step : Math.max(largest, 1e-20f) / most;
            }

            @Override
            public void round(int index, float[] values, int from, float[] rounded, int to) {
                for (int i = 0; i < groupSize; i++) {
                    codes[index + i] = (byte) Math.max(-most, Math.min(most, (int) Math.rint(values[from + i] / fitted)));
                    rounded[to + i] = codes[index + i] * fitted;
                }
            }

            @Override
            public void write(MemorySegment blocks, long at) {
                MemorySegment.copy(codes, 0, blocks, ValueLayout.JAVA_BYTE, at, blockSize);
                blocks.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at + blockSize, fitted);
            }
        };
    }

    @Override
    public void decode(MemorySegment blocks, long at, int count, float[] values, int to) {
        for (int i = 0; i < count; i++) {
            long block = at + (long) (i / blockSize) * blockBytes();
            values[to + i] = blocks.get(ValueLayout.JAVA_BYTE, block + i % blockSize)
                    * blocks.get(ValueLayout.JAVA_FLOAT_UNALIGNED, block + blockSize);
        }
    }
}
