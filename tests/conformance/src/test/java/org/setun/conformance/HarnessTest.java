package org.setun.conformance;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.conformance.cases.Case;
import org.setun.conformance.cases.Filler.Values;
import org.setun.conformance.cases.Op;
import org.setun.conformance.cases.Operand.Type;
import org.setun.conformance.cases.Ops;
import org.setun.kernels.ActivationOps;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockOps;
import org.setun.kernels.FakeQuantOps;
import org.setun.kernels.GemmOps;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.NnOps;
import org.setun.kernels.OptimOps;
import org.setun.kernels.PiOps;
import org.setun.kernels.TernaryOps;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The harness itself: it covers every operation, accepts what is right, and sees each kind of fault. */
class HarnessTest {

    private static final Backend REFERENCE = new ReferenceBackend();

    static Stream<Op> operations() {
        return Ops.all();
    }

    @Test
    void everyOperationOfTheBackendHasCases() {
        Set<String> covered = Ops.all().map(op -> plain(op.name().replaceAll(":.*", ""))).collect(Collectors.toCollection(TreeSet::new));
        Set<String> offered = Stream
                .of(TernaryOps.class, BlockOps.class, GemmOps.class, NnOps.class, ActivationOps.class, HadamardOps.class,
                        OptimOps.class, PiOps.class, FakeQuantOps.class)
                .flatMap(ops -> Arrays.stream(ops.getDeclaredMethods()))
                .filter(method -> Arrays.asList(method.getParameterTypes()).contains(MemorySegment.class)).map(Method::getName)
                .map(HarnessTest::plain).collect(Collectors.toCollection(TreeSet::new));
        assertThat(covered).isEqualTo(offered);
    }

    private static String plain(String name) {
        return name.replace("_", "").toLowerCase(Locale.ROOT);
    }

    /** Also shows that every case is legal: the reference checks the arguments. */
    @ParameterizedTest
    @MethodSource("operations")
    void theReferenceAgreesWithItself(Op op) {
        for (Values values : Values.values()) {
            Case made = op.make(op.small(), values, 3);
            Conformity.check(REFERENCE, made, Conformity.expected(made), Placement.SHIFTED_MORE);
        }
    }

    /** A copy of one float that {@code fault} spoils. */
    private static void run(float allowed, Case.Call fault) {
        Case made = new Case("copy").in("x", Type.F32, OffHeap.of(1f, 2f)).out("y", 2, (i, expected) -> allowed).call((b, s) -> {
            s.get("y").copyFrom(s.get("x"));
            if (b != null) {
                fault.on(b, s);
            }
        });
        Case right = new Case("copy").in("x", Type.F32, OffHeap.of(1f, 2f)).out("y", Type.F32, 2)
                .call((b, s) -> s.get("y").copyFrom(s.get("x")));
        Conformity.check(REFERENCE, made, right.run(REFERENCE), Placement.SHIFTED);
    }

    @Test
    void aValueBeyondItsBoundIsSeen() {
        run(0.5f, (b, s) -> s.get("y").setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, 1, 2.4f));
        assertThatThrownBy(() -> run(0.5f, (b, s) -> s.get("y").setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, 1, 2.6f)))
                .isInstanceOf(AssertionError.class).hasMessageContaining("y[1] = 2.6, not 2.0 within 0.5");
        assertThatThrownBy(() -> run(0.5f, (b, s) -> s.get("y").setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, 0, Float.NaN)))
                .isInstanceOf(AssertionError.class).hasMessageContaining("y[0] = NaN");
    }

    @Test
    void aChangedInputIsSeen() {
        assertThatThrownBy(() -> run(0, (b, s) -> s.get("x").fill((byte) 0))).isInstanceOf(AssertionError.class)
                .hasMessageContaining("x is an input but was changed");
    }

    @Test
    void aWriteOutsideIsSeen() {
        assertThatThrownBy(() -> run(0, (b, s) -> {
            MemorySegment y = s.get("y");
            MemorySegment.ofAddress(y.address()).reinterpret(y.byteSize() + 1).set(ValueLayout.JAVA_BYTE, y.byteSize(), (byte) 1);
        })).isInstanceOf(AssertionError.class).hasMessageContaining("wrote outside y, at its byte 8");
    }
}
