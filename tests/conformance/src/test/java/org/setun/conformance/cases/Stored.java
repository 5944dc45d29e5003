package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.GemmOps.Operand;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

/** A matrix as an operand of a bf16 product, and the values that the product sees. */
final class Stored {

    final Element element;
    final MemorySegment values;
    final int ld;
    private final boolean transposed;
    private final float[] floats;

    private Stored(Element element, boolean transposed, MemorySegment values, float[] floats, int ld) {
        this.element = element;
        this.transposed = transposed;
        this.values = values;
        this.floats = floats;
        this.ld = ld;
    }

    /** {@code rows} rows of {@code columns} values and a gap. */
    static Stored of(Element element, boolean transposed, int rows, int columns, int gap, Filler filler) {
        int ld = columns + gap;
        MemorySegment floats = filler.floats((long) rows * ld);
        if (element == Element.F32) {
            return new Stored(element, transposed, floats, OffHeap.toFloats(floats), ld);
        }
        int bytes = element == Element.BF16 ? 2 : 1;
        MemorySegment values = OffHeap.bytes((long) bytes * rows * ld);
        float[] exact = new float[rows * ld];
        for (int i = 0; i < exact.length; i++) {
            float value = floats.getAtIndex(JAVA_FLOAT, i);
            if (element == Element.BF16) {
                exact[i] = round(value);
                values.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits(exact[i]) >>> 16));
            } else {
                byte code = (byte) Math.rint(Math.clamp(value * 50, -128, 127));
                exact[i] = code;
                values.set(JAVA_BYTE, i, code);
            }
        }
        return new Stored(element, transposed, values, exact, ld);
    }

    Type type() {
        return switch (element) {
            case F32 -> Type.F32;
            case BF16 -> Type.BF16;
            case I8 -> Type.I8;
        };
    }

    /** The operand at another place. */
    Operand at(MemorySegment copy) {
        return new Operand(element, transposed, copy, ld);
    }

    /** What a product sees of an element: times its step, rounded to bf16. */
    double rounded(int row, int column, float step) {
        return round(floats[row * ld + column] * step);
    }

    /** The nearest bf16, ties to even, by the neighbours' distances: independent of the reference's bit arithmetic. */
    private static float round(float value) {
        if (!Float.isFinite(value)) {
            return value;
        }
        float below = Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff0000);
        double above = below + (double) Math.copySign(Float.intBitsToFloat(Float.floatToRawIntBits(Math.abs(below)) + 0x10000)
                - Math.abs(below), value);
        double low = Math.abs((double) value - below);
        double high = Math.abs(above - value);
        boolean even = (Float.floatToRawIntBits(below) & 0x10000) == 0;
        return low < high || (low == high && even) ? below : (float) above;
    }
}
