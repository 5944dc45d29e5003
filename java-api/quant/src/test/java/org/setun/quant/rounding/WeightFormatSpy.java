package org.setun.quant.rounding;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;

/** Another format, with someone who looks at what {@code fit} is given. */
record WeightFormatSpy(WeightFormat format, Consumer<float @Nullable []> importance) implements WeightFormat {

    @Override
    public String name() {
        return format.name();
    }

    @Override
    public int blockSize() {
        return format.blockSize();
    }

    @Override
    public int blockBytes() {
        return format.blockBytes();
    }

    @Override
    public Optional<GgmlType> ggmlType() {
        return format.ggmlType();
    }

    @Override
    public BlockRounder newRounder() {
        BlockRounder rounder = format.newRounder();
        return new BlockRounder() {
            @Override
            public void fit(float[] values, int from, float @Nullable [] weights) {
                importance.accept(weights);
                rounder.fit(values, from, weights);
            }

            @Override
            public void round(int index, float[] values, int from, float[] rounded, int to) {
                rounder.round(index, values, from, rounded, to);
            }

            @Override
            public void write(MemorySegment blocks, long at) {
                rounder.write(blocks, at);
            }
        };
    }

    @Override
    public void decode(MemorySegment blocks, long at, int count, float[] values, int to) {
        format.decode(blocks, at, count, values, to);
    }
}
