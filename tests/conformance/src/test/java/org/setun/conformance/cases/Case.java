package org.setun.conformance.cases;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Role;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.Backend;

/** One call of one operation: its scalars and operands in the order of the C function, and how to make it. */
public final class Case {

    /** Makes the call with operands by name; an operand that the case leaves out is null. */
    public interface Call {
        void on(Backend backend, Map<String, MemorySegment> operands);
    }

    private final String op;
    private final Map<String, Number> scalars = new LinkedHashMap<>();
    private final List<Operand> operands = new ArrayList<>();
    private Call call = (backend, segments) -> {
        throw new IllegalStateException("no call");
    };

    /** A call of {@code setun_<op>}. */
    public Case(String op) {
        this.op = op;
    }

    public Case scalar(String name, Number value) {
        scalars.put(name, value);
        return this;
    }

    public Case in(String name, Type type, MemorySegment content) {
        operands.add(new Operand(name, type, Role.IN, content, null));
        return this;
    }

    /** An output whose bits are promised; it holds a pattern before, so that gaps which must not be written are seen. */
    public Case out(String name, Type type, long count) {
        operands.add(new Operand(name, type, Role.OUT, pattern(count * type.bytes()), null));
        return this;
    }

    /** An fp32 output with an error bound. */
    public Case out(String name, long count, Bound bound) {
        operands.add(new Operand(name, Type.F32, Role.OUT, pattern(4 * count), bound));
        return this;
    }

    public Case inout(String name, Type type, MemorySegment content) {
        operands.add(new Operand(name, type, Role.INOUT, content, null));
        return this;
    }

    public Case inout(String name, MemorySegment content, Bound bound) {
        operands.add(new Operand(name, Type.F32, Role.INOUT, content, bound));
        return this;
    }

    public Case call(Call how) {
        call = how;
        return this;
    }

    public String op() {
        return op;
    }

    public Map<String, Number> scalars() {
        return scalars;
    }

    public List<Operand> operands() {
        return operands;
    }

    public void run(Backend backend, Map<String, MemorySegment> segments) {
        call.on(backend, segments);
    }

    /** Runs on copies of the operands and returns them. */
    public Map<String, MemorySegment> run(Backend backend) {
        Map<String, MemorySegment> segments = new LinkedHashMap<>();
        for (Operand operand : operands) {
            segments.put(operand.name(), Arena.ofAuto().allocate(operand.content().byteSize(), 64).copyFrom(operand.content()));
        }
        run(backend, segments);
        return segments;
    }

    private static MemorySegment pattern(long bytes) {
        return Arena.ofAuto().allocate(bytes, 64).fill((byte) 0x3a);
    }

    @Override
    public String toString() {
        return op + scalars;
    }
}
