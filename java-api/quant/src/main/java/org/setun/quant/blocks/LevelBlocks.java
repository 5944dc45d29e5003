package org.setun.quant.blocks;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.QuantLevels;

/**
 * Codes of equally distant levels in a GGUF block type that holds them as they are: nothing is rounded anew but scales and offsets, to half precision.
 * Immutable and free-threaded.
 */
public final class LevelBlocks {

    /** What a type makes of its codes. */
    private enum Kind {
        /** {@code step * code}. */
        SIGNED,
        /** The same with the step and all codes negated. */
        NEGATED,
        /** {@code step * code + minimum}, codes from 0 on. */
        AFFINE,
        /** Plus or minus one scale. */
        SIGNS
    }

    private record Type(GgmlType ggml, Kind kind, int least, int most, Packing packing) {

        boolean holds(QuantLevels levels, boolean hasOffsets) {
            boolean centered = levels.shift() == 0 && !hasOffsets;
            return switch (kind) {
                case SIGNED -> centered && levels.lowest() >= least && levels.highest() <= most;
                case NEGATED -> centered && -levels.highest() >= least && -levels.lowest() <= most;
                case AFFINE -> levels.count() <= most + 1;
                case SIGNS -> levels.count() == 2 && !hasOffsets && levels.level(levels.lowest()) == -levels.level(levels.highest());
            };
        }
    }

    /** In rising size. Q8_0 has no -128: kernels of other engines negate bytes. */
    private static final List<Type> TYPES = List.of(
            new Type(GgmlType.Q1_0, Kind.SIGNS, 0, 1, Packings::q10),
            new Type(GgmlType.Q2_0, Kind.SIGNED, -1, 2, Packings::q20),
            new Type(GgmlType.Q2_0, Kind.NEGATED, -1, 2, Packings::q20),
            new Type(GgmlType.Q4_0, Kind.SIGNED, -8, 7, Packings::q40),
            new Type(GgmlType.Q4_1, Kind.AFFINE, 0, 15, Packings::q41),
            new Type(GgmlType.Q5_0, Kind.SIGNED, -16, 15, Packings::q50),
            new Type(GgmlType.Q5_1, Kind.AFFINE, 0, 31, Packings::q51),
            new Type(GgmlType.Q8_0, Kind.SIGNED, -127, 127, Packings::q80));

    private static final int MINUS = 0x8000;

    private final Type type;
    private final QuantLevels levels;

    private LevelBlocks(Type type, QuantLevels levels) {
        this.type = type;
        this.levels = levels;
    }

    /** The smallest type that holds codes of {@code levels}; empty if there is none, or its blocks do not divide a row. */
    public static Optional<LevelBlocks> of(QuantLevels levels, boolean hasOffsets, long columns) {
        return TYPES.stream().filter(type -> columns % type.ggml.blockSize() == 0 && type.holds(levels, hasOffsets)).findFirst()
                .map(type -> new LevelBlocks(type, levels));
    }

    public GgmlType type() {
        return type.ggml;
    }

    /** How far, relatively, half precision takes the step of a group with this scale from the true one. */
    public double stepError(float scale) {
        float exact = step(scale);
        return Math.abs(Float.float16ToFloat(Float.floatToFloat16(exact)) - (double) exact) / Math.abs(exact);
    }

    /** What a block holds as its scale. */
    private float step(float scale) {
        return switch (type.kind) {
            case NEGATED -> -scale / levels.divisions();
            case SIGNS -> scale * levels.level(levels.highest());
            default -> scale / levels.divisions();
        };
    }

    /**
     * The blocks of a row-major matrix.
     *
     * @param codes   i8, a multiple of the block's size
     * @param scales  one per part of equal size, of whole blocks
     * @param offsets what is added to the levels of each part; empty for none
     */
    public MemorySegment encode(MemorySegment codes, float[] scales, float[] offsets) {
        int size = type.ggml.blockSize();
        long count = codes.byteSize() / size;
        MemorySegment blocks = MemorySegment.ofArray(new byte[Math.toIntExact(Math.multiplyExact(count, (long) type.ggml.blockBytes()))]);
        Block block = new Block(size, size);
        for (long b = 0; b < count; b++) {
            int group = (int) (b * scales.length / count);
            float scale = scales[group];
            float offset = offsets.length == 0 ? 0 : offsets[group];
            block.scale = Float.floatToFloat16(step(scale));
            block.min = (short) (Float.floatToFloat16(offset + scale * levels.level(levels.lowest())) ^ MINUS);
            for (int i = 0; i < size; i++) {
                int code = codes.get(ValueLayout.JAVA_BYTE, b * size + i);
                block.codes[i] = (byte) switch (type.kind) {
                    case SIGNED -> code;
                    case NEGATED -> -code;
                    case AFFINE, SIGNS -> code - levels.lowest();
                };
            }
            type.packing.write(block, blocks, b * type.ggml.blockBytes());
        }
        return blocks;
    }
}
