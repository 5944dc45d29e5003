package org.setun.conformance;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.setun.conformance.cases.Case;
import org.setun.conformance.cases.Filler.Values;
import org.setun.conformance.cases.Op;
import org.setun.conformance.cases.Operand;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Role;
import org.setun.conformance.cases.Ops;
import org.setun.testsupport.OffHeap;

/** The replay vectors of the native runner: small cases of every operation in the format of {@code tests/native/README.md}. */
final class ReplayVectors {

    /** The committed file, relative to this module. */
    static final Path FILE = Path.of("..", "native", "vectors.bin");

    private static final Values[] KINDS = {Values.NORMAL, Values.ONE_NAN, Values.ZEROS, Values.DENORMAL, Values.ONE_INFINITY};
    private static final int LARGEST_EXTENT = 70;
    private static final int LARGEST_CASE = 2000;
    private static final int HEAVY_KINDS = 2; // that operations get whose cases cannot be small
    private static final int ROOM = 1 << 21;

    private ReplayVectors() {
    }

    static byte[] generate() {
        List<Case> cases = new ArrayList<>();
        Ops.all().forEach(op -> {
            SplittableRandom random = new SplittableRandom(op.name().hashCode());
            Case first = op.make(op.small(), Values.NORMAL, 0);
            cases.add(first);
            boolean light = bytes(first) <= LARGEST_CASE; // weights in blocks are not
            for (int i = 0; i < (light ? KINDS.length : HEAVY_KINDS); i++) {
                cases.add(small(op, KINDS[i], light ? LARGEST_CASE : bytes(first), random));
            }
        });
        ByteBuffer out = ByteBuffer.allocate(ROOM).order(ByteOrder.LITTLE_ENDIAN);
        out.put("SETUNRV1".getBytes(StandardCharsets.US_ASCII)).putLong(cases.size());
        cases.forEach(made -> put(out, made));
        byte[] file = new byte[out.position()];
        out.get(0, file);
        return file;
    }

    private static long bytes(Case made) {
        return made.operands().stream().mapToLong(operand -> operand.content().byteSize()).sum();
    }

    /** A case of at most so many bytes. */
    private static Case small(Op op, Values values, long most, SplittableRandom random) {
        while (true) {
            int[] extents = op.most().clone();
            for (int i = 0; i < extents.length; i++) {
                extents[i] = random.nextInt(Math.min(extents[i], LARGEST_EXTENT) + 1);
            }
            Case made = op.make(extents, values, random.nextLong());
            if (bytes(made) <= most) {
                return made;
            }
        }
    }

    private static void put(ByteBuffer out, Case made) {
        Map<String, MemorySegment> expected = Conformity.expected(made);
        name(out, made.op(), 32);
        out.putInt(made.scalars().size()).putInt(made.operands().size());
        made.scalars().forEach((name, value) -> {
            name(out, name, 24);
            out.putDouble(value.doubleValue());
        });
        for (Operand operand : made.operands()) {
            name(out, operand.name(), 24);
            Bound bound = operand.bound();
            out.putInt(operand.type().ordinal()).putInt(operand.role().ordinal()).putInt(bound == null ? 0 : 1).putInt(0);
            out.putLong(operand.content().byteSize() / operand.type().bytes());
            MemorySegment after = expected.get(operand.name());
            if (operand.role() != Role.OUT) {
                data(out, operand.content());
            }
            if (operand.written()) {
                data(out, after);
            }
            if (bound != null) {
                float[] values = OffHeap.toFloats(after);
                for (int i = 0; i < values.length; i++) {
                    double limit = bound.at(i, values[i]);
                    values[i] = limit == 0 ? 0 : Math.nextUp((float) limit);
                }
                data(out, MemorySegment.ofArray(values));
            }
        }
    }

    private static void name(ByteBuffer out, String name, int length) {
        byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
        if (ascii.length >= length) {
            throw new IllegalArgumentException(name + " has " + ascii.length + " characters; fewer than " + length + " fit");
        }
        out.put(ascii).put(new byte[length - ascii.length]);
    }

    private static void data(ByteBuffer out, MemorySegment data) {
        byte[] bytes = data.toArray(ValueLayout.JAVA_BYTE);
        out.put(bytes).put(new byte[-bytes.length & 7]);
    }
}
