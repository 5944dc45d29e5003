package org.setun.conformance;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.setun.conformance.cases.Case;
import org.setun.conformance.cases.Operand;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** Runs a case on a backend between guard pages and compares everything it wrote with the reference. */
final class Conformity {

    private static final Backend REFERENCE = new ReferenceBackend();
    private static final byte CANARY = (byte) 0xa5;

    private Conformity() {
    }

    static Map<String, MemorySegment> expected(Case made) {
        return made.run(REFERENCE);
    }

    /** Throws an {@link AssertionError} that names the case, the operand and the first value that differs. */
    static void check(Backend backend, Case made, Map<String, MemorySegment> expected, Placement placement) {
        Map<String, MemorySegment> actual = run(backend, made, placement);
        for (Operand operand : made.operands()) {
            compare(made, operand, expected.get(operand.name()), actual.get(operand.name()), placement);
        }
    }

    /** Copies of the operands after a run in guarded memory. */
    static Map<String, MemorySegment> run(Backend backend, Case made, Placement placement) {
        Map<String, MemorySegment> segments = new LinkedHashMap<>();
        List<GuardedMemory> guarded = new ArrayList<>();
        try {
            for (Operand operand : made.operands()) {
                long bytes = operand.content().byteSize();
                long shift = (long) placement.elements() * operand.type().bytes();
                GuardedMemory memory = new GuardedMemory(bytes + 2 * shift);
                guarded.add(memory);
                memory.inner().fill(CANARY);
                MemorySegment segment = placement == Placement.LAST ? memory.last(bytes) : memory.first(bytes + shift).asSlice(shift);
                segments.put(operand.name(), segment.copyFrom(operand.content()));
            }
            made.run(backend, segments);
            Map<String, MemorySegment> results = new LinkedHashMap<>();
            for (int i = 0; i < guarded.size(); i++) {
                Operand operand = made.operands().get(i);
                MemorySegment segment = segments.get(operand.name());
                requireCanaries(made, operand, guarded.get(i).inner(), segment);
                results.put(operand.name(), OffHeap.bytes(segment.byteSize()).copyFrom(segment));
            }
            return results;
        } finally {
            guarded.forEach(GuardedMemory::close);
        }
    }

    private static void requireCanaries(Case made, Operand operand, MemorySegment inner, MemorySegment segment) {
        long before = segment.address() - inner.address();
        long after = before + segment.byteSize();
        for (long i = 0; i < inner.byteSize(); i++) {
            if ((i < before || i >= after) && inner.get(JAVA_BYTE, i) != CANARY) {
                throw new AssertionError(made + ": wrote outside " + operand.name() + ", at its byte " + (i - before));
            }
        }
    }

    static void compare(Case made, Operand operand, MemorySegment expected, MemorySegment actual, Placement placement) {
        if (expected.mismatch(actual) < 0) {
            return;
        }
        String where = made + " " + placement + ": " + operand.name();
        if (!operand.written()) {
            throw new AssertionError(where + " is an input but was changed");
        }
        switch (operand.type()) {
            case F32 -> compareFloats(where, operand.bound(), OffHeap.toFloats(expected), OffHeap.toFloats(actual));
            case F64 -> {
                double[] reference = OffHeap.toDoubles(expected);
                double[] value = OffHeap.toDoubles(actual);
                for (int i = 0; i < value.length; i++) {
                    if (Double.doubleToLongBits(reference[i]) != Double.doubleToLongBits(value[i])) {
                        throw new AssertionError(where + "[" + i + "] = " + value[i] + ", not " + reference[i]);
                    }
                }
            }
            default -> {
                long at = expected.mismatch(actual);
                throw new AssertionError(
                        where + " byte " + at + " = " + actual.get(JAVA_BYTE, at) + ", not " + expected.get(JAVA_BYTE, at));
            }
        }
    }

    private static void compareFloats(String where, Bound bound, float[] expected, float[] actual) {
        for (int i = 0; i < actual.length; i++) {
            boolean agree;
            double allowed = 0;
            if (bound == null) {
                agree = Float.floatToIntBits(expected[i]) == Float.floatToIntBits(actual[i]); // every NaN is the same
            } else if (!Float.isFinite(expected[i])) {
                agree = !Float.isFinite(actual[i]);
            } else {
                allowed = bound.at(i, expected[i]);
                agree = Double.isNaN(allowed) || Math.abs((double) actual[i] - expected[i]) <= allowed;
            }
            if (!agree) {
                throw new AssertionError(where + "[" + i + "] = " + actual[i] + ", not " + expected[i] + " within " + allowed);
            }
        }
    }
}
