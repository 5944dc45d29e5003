package org.setun.quant.pi;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;
import org.setun.kernels.reference.PiBlocks;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;

/**
 * The blocks of pi-q2 and pi-q3 (uniform levels) and of pi-tan2 and pi-tan3 (levels on the tangent): 256 codes, least significant bit first,
 * then the step in f16: 66 or 98 bytes. No other engine knows them.
 */
public final class PiFormat implements WeightFormat {

    private final String name;
    private final PiGrid grid;
    private final PiScaling scaling;
    private final @Nullable TangentShape unfitted;

    private PiFormat(String name, PiGrid grid, PiScaling scaling, @Nullable TangentShape unfitted) {
        this.name = name;
        this.grid = grid;
        this.scaling = scaling;
        this.unfitted = unfitted;
    }

    /** pi-q2 or pi-q3. */
    public static PiFormat of(PiQuantConfig config) {
        return new PiFormat(config.formatName(), config.grid(), config.scaling(), null);
    }

    /**
     * pi-tan2 or pi-tan3 with a given shape.
     *
     * @param bits  2 or 3
     * @param shape K, see {@link PiGrid#tangent}
     * @param scale {@link ScaleChoice#SEARCH} or {@link ScaleChoice#ABSMAX}
     */
    public static PiFormat tangent(int bits, int shape, ScaleChoice scale) {
        return new PiFormat("pi-tan" + bits + ":K=" + shape + ",scale=" + scale.word(), PiGrid.tangent(bits, shape),
                TangentShape.scaling(scale), null);
    }

    /**
     * pi-tan2 or pi-tan3 whose shape is chosen for each matrix by {@link #fitted}; until then it is the one for normally distributed
     * weights. What is stored carries the name of the fitted format.
     *
     * @param bits 2 or 3
     */
    public static PiFormat tangent(int bits, ScaleChoice scale) {
        return new PiFormat("pi-tan" + bits + ":scale=" + scale.word(), PiGrid.tangent(bits, TangentShape.normal(bits)),
                TangentShape.scaling(scale), new TangentShape(bits, scale));
    }

    /** The levels. */
    public PiGrid grid() {
        return grid;
    }

    /** The candidates for the step of a block. */
    public PiScaling scaling() {
        return scaling;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public int blockSize() {
        return PiGrid.BLOCK;
    }

    @Override
    public int blockBytes() {
        return grid.blockBytes();
    }

    @Override
    public Optional<GgmlType> ggmlType() {
        return Optional.empty();
    }

    @Override
    public Optional<BlockFormat> kernel() {
        if (grid.magnitudes().length == 0) {
            return Optional.of(grid.bits() == 2 ? BlockFormat.PI_Q2 : BlockFormat.PI_Q3);
        }
        return Optional.of(grid.bits() == 2 ? BlockFormat.PI_TAN2 : BlockFormat.PI_TAN3);
    }

    @Override
    public int kernelParameter() {
        return grid.packedMagnitudes();
    }

    @Override
    public boolean isFitted() {
        return unfitted == null;
    }

    @Override
    public WeightFormat fitted(WeightRows weights) {
        return unfitted == null ? this : unfitted.fit(weights);
    }

    @Override
    public BlockRounder newRounder() {
        return new BlockRounder() {
            private final byte[] codes = new byte[PiGrid.BLOCK];
            private float step;

            @Override
            public void fit(float[] values, int from, float @Nullable [] importance) {
                step = PiBlocks.step(values, from, importance, grid, scaling);
                if (Float.isNaN(step)) {
                    throw refusal(values, from);
                }
            }

            @Override
            public void round(int index, float[] values, int from, float[] rounded, int to) {
                int code = PiBlocks.code(values[from], step, grid);
                codes[index] = (byte) code;
                rounded[to] = grid.level(code) * step;
            }

            @Override
            public void write(MemorySegment blocks, long at) {
                PiBlocks.write(codes, step, grid, blocks, at);
            }
        };
    }

    @Override
    public void encode(float[] values, int from, int count, float @Nullable [] importance, MemorySegment blocks, long at) {
        int refused = PiEncoder.encode(grid, scaling, values, from, count / PiGrid.BLOCK * PiGrid.BLOCK, importance, blocks, at);
        if (refused >= 0) {
            throw refusal(values, refused);
        }
    }

    private IllegalArgumentException refusal(float[] values, int from) {
        for (int i = 0; i < PiGrid.BLOCK; i++) {
            if (!Float.isFinite(values[from + i])) {
                return new IllegalArgumentException("value " + values[from + i] + " cannot be stored as " + name);
            }
        }
        return new IllegalArgumentException(
                "the values of a block are too large for a step in f16 (at most 65504): " + name + " cannot store them; scale the matrix");
    }

    @Override
    public void decode(MemorySegment blocks, long at, int count, float[] values, int to) {
        for (int block = 0; block < count / PiGrid.BLOCK; block++) {
            PiBlocks.decode(blocks, at + (long) block * blockBytes(), grid, values, to + block * PiGrid.BLOCK);
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
