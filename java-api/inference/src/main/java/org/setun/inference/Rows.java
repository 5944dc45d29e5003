package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.setun.inference.Projection.Input;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockOps;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.TernaryOps;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.incoherence.IncoherenceTransform;

/**
 * Activation rows f32[count][length] on their way into one or more matrices, in the forms that those take, each made once: fp32 values,
 * 8-bit
 * codes with a step per row, which are made in one pass with what comes before them, or 8-bit codes with a step per block. Values that no
 * matrix takes are not stored.
 */
final class Rows {

    /** 8-bit codes with their steps and sums. */
    record Codes(MemorySegment q, MemorySegment steps, MemorySegment sums) {
    }

    private final Backend backend;
    private final float normEps;
    private final MemorySegment room;
    private final Codes codes;
    private final Codes blocks;
    private final Allocator memory;
    private @Nullable MemorySegment tile;
    private final int maxRows;
    private final int maxLength;
    private MemorySegment values;
    private int count;
    /** The same rows through a rotation, made where the first matrix asks for it. */
    private @Nullable Rows turned;
    private @Nullable Incoherence turnedBy;
    private @Nullable Input turnedForm;

    /** Room for {@code maxRows} rows of up to {@code maxLength} values. */
    Rows(Backend backend, Allocator memory, int maxRows, int maxLength, float normEps) {
        this.backend = backend;
        this.normEps = normEps;
        this.memory = memory;
        this.maxRows = maxRows;
        this.maxLength = maxLength;
        this.room = memory.allocate(Math.multiplyExact(4L * maxRows, maxLength)).segment();
        this.codes = codes(memory, maxRows * TernaryOps.paddedK(maxLength), maxRows, maxRows);
        long count = maxRows * BlockOps.blocks(maxLength);
        this.blocks = codes(memory, count * BlockOps.BLOCK, count, count * BlockOps.BLOCK_SUMS);
        this.values = room;
    }

    private static Codes codes(Allocator memory, long values, long steps, long sums) {
        return new Codes(memory.allocate(values).segment(), memory.allocate(4 * steps).segment(), memory.allocate(4 * sums).segment());
    }

    /** RMSNorm of {@code x} f32[rows][length] with gain {@code weight}; {@code x} itself, which must then stay, if that is null. */
    Rows normalized(MemorySegment x, @Nullable MemorySegment weight, int rows, int length, Projection... consumers) {
        Set<Input> forms = EnumSet.noneOf(Input.class);
        for (Projection consumer : consumers) {
            forms.add(consumer.input());
        }
        boolean stored = forms.contains(Input.VALUES) || forms.contains(Input.BLOCKS);
        turnedBy = null;
        count = rows;
        values = weight == null ? x : room;
        if (weight == null && forms.contains(Input.CODES)) {
            backend.quantizeRows(x, rows, length, length, codes.q, codes.steps, codes.sums);
        } else if (forms.contains(Input.CODES)) {
            backend.rmsNormQuantize(x, null, weight, rows, length, normEps, null, stored ? room : null, null, codes.q, codes.steps,
                    codes.sums);
        } else if (weight != null) {
            backend.rmsNormForward(x, weight, rows, length, normEps, room, null);
        }
        if (forms.contains(Input.BLOCKS)) {
            toBlocks(length);
        }
        return this;
    }

    /** {@code act(gate) * up}, f32[rows][length], then RMSNorm with gain {@code weight} unless that is null. {@code gate} is not kept. */
    Rows gated(Glu kind, MemorySegment gate, MemorySegment up, @Nullable MemorySegment weight, int rows, int length, Projection consumer) {
        turnedBy = null;
        count = rows;
        values = room;
        if (consumer.input() == Input.CODES) {
            backend.gluQuantize(kind, gate, up, weight, normEps, rows, length, null, codes.q, codes.steps, codes.sums);
            return this;
        }
        if (weight == null) {
            backend.gluForward(kind, gate, up, rows, length, room);
        } else {
            backend.gluForward(kind, gate, up, rows, length, gate);
            backend.rmsNormForward(gate, weight, rows, length, normEps, room, null);
        }
        if (consumer.input() == Input.BLOCKS) {
            toBlocks(length);
        }
        return this;
    }

    /** These rows, of which the values are stored, through the input side of {@code transform}, in the form of a matrix that takes them. */
    Rows rotated(IncoherenceTransform transform, Input form) {
        if (turned == null) {
            turned = new Rows(backend, memory, maxRows, maxLength, normEps);
        }
        if (!transform.incoherence().equals(turnedBy) || form != turnedForm) {
            int length = transform.input().size();
            turned.count = count;
            turned.values = turned.room.asSlice(0, 4L * count * length);
            turned.values.copyFrom(values.asSlice(0, 4L * count * length));
            transform.rotateInput(turned.values, count);
            if (form == Input.BLOCKS) {
                turned.toBlocks(length);
            } else if (form == Input.CODES) {
                backend.quantizeRows(turned.values, count, length, length, turned.codes.q, turned.codes.steps, turned.codes.sums);
            }
            turnedBy = transform.incoherence();
            turnedForm = form;
        }
        return turned;
    }

    private void toBlocks(int length) {
        backend.quantizeBlocks(values, count, length, length, blocks.q, blocks.steps, blocks.sums);
    }

    /** Room for so many fp32 values of expanded weights; the same for all matrices. */
    MemorySegment tile(long values) {
        if (tile == null || tile.byteSize() < 4 * values) {
            tile = memory.allocate(4 * values).segment();
        }
        return tile;
    }

    int count() {
        return count;
    }

    /** For consumers that take values. */
    MemorySegment values() {
        return values;
    }

    /** For consumers that take codes. */
    Codes codes() {
        return codes;
    }

    /** For consumers that take codes in blocks. */
    Codes blocks() {
        return blocks;
    }
}
