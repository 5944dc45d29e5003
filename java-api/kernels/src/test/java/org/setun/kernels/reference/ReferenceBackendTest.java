package org.setun.kernels.reference;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.kernels.ActivationOps;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantOps;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.GemmOps;
import org.setun.kernels.Isa;
import org.setun.kernels.NnOps;
import org.setun.kernels.OptimOps;
import org.setun.kernels.QuantLevels;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Identity, slabs, and that every operation checks its arguments before it runs. */
class ReferenceBackendTest {

    private final Backend backend = new ReferenceBackend();

    @Test
    void saysWhatItIs() {
        assertThat(backend.name()).isEqualTo("reference");
        assertThat(backend.isa()).isEqualTo(Isa.PORTABLE);
        assertThat(backend.threads()).isZero();
    }

    @Test
    void slabsAreZeroedAlignedSharedAndDieWhenUnmapped() throws InterruptedException {
        MemorySegment slab = backend.mapSlab(1000);
        assertThat(slab.byteSize()).isGreaterThanOrEqualTo(1000);
        assertThat(slab.address() % 64).isZero();
        assertThat(slab.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
        Thread writer = new Thread(() -> slab.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        writer.start();
        writer.join();
        assertThat(slab.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 1);
        backend.unmapSlab(slab);
        assertThatThrownBy(() -> slab.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> backend.unmapSlab(slab)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("slab");
    }

    @Test
    void closingUnmapsWhatIsLeft() {
        MemorySegment slab = backend.mapSlab(64);
        backend.close();
        assertThatThrownBy(() -> slab.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> backend.mapSlab(0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("bytes = 0 must be at least 1");
    }

    @Test
    void messagesNameTheArgumentTheValueAndTheNeed() {
        MemorySegment some = OffHeap.floats(64);
        assertThatThrownBy(() -> backend.biasForward(some, 3, 10, OffHeap.floats(24)))
                .hasMessage("y has 96 bytes but n = 3 rows of d = 10 floats need 120");
        assertThatThrownBy(() -> backend.fill(some, -1, 0)).hasMessage("count = -1 must be at least 0");
        assertThatThrownBy(() -> backend.gemmF32(false, false, 2, 3, 4, 1, some, 3, some, 3, 0, some, 3))
                .hasMessage("lda = 3 must be at least k = 4");
        assertThatThrownBy(() -> backend.fill(MemorySegment.ofArray(new float[4]), 4, 0)).hasMessageContaining("x is a heap segment");
        assertThatThrownBy(() -> backend.fill(some.asReadOnly(), 4, 0)).hasMessageContaining("x is a read-only segment");
        assertThatThrownBy(() -> backend.fill(some.asSlice(1), 4, 0)).hasMessageContaining("need a multiple of 4");
        assertThatThrownBy(() -> backend.biasForward(some, 1L << 60, 64, some)).hasMessageContaining("overflows");
        assertThatThrownBy(() -> backend.attentionForward(new NnOps.Attention(1, 2, 1, 1, 1, 1, 1, 1, 1, 0), some, some, some, some, null))
                .hasMessage("keys = 1 must be at least queries = 2");
        assertThatThrownBy(() -> backend.attentionForward(new NnOps.Attention(1, 1, 1, 3, 2, 1, 1, 3, 2, 0), some, some, some, some, null))
                .hasMessage("heads = 3 must be a multiple of kvHeads = 2");
        assertThatThrownBy(() -> backend.rope(some, 1, 1, 3, 4, some, 1e4f, NnOps.Rope.HALVES, false))
                .hasMessage("headDim = 3 must be even");
        assertThatThrownBy(() -> backend.rope(some, 1, 1, 4, 4, some, 0, NnOps.Rope.HALVES, false)).hasMessageStartingWith("theta = 0.0");
        assertThatThrownBy(() -> backend.rmsNormForward(some, some, 1, 1, -1, some, null)).hasMessage("eps = -1.0 must be at least 0");
    }

    static Stream<Method> operations() {
        return Stream.of(TernaryOps.class, GemmOps.class, NnOps.class, ActivationOps.class, OptimOps.class, FakeQuantOps.class)
                .flatMap(ops -> Arrays.stream(ops.getDeclaredMethods()))
                .filter(method -> Arrays.asList(method.getParameterTypes()).contains(MemorySegment.class));
    }

    /** Each segment in turn is one byte long while all the others are ample. */
    @ParameterizedTest
    @MethodSource("operations")
    void everySegmentOfEveryOperationIsMeasured(Method operation) throws IllegalAccessException {
        for (int i = 0; i < operation.getParameterCount(); i++) {
            Class<?> type = operation.getParameterTypes()[i];
            if (type == MemorySegment.class || type == GemmOps.Operand.class) {
                Object[] arguments = arguments(operation);
                MemorySegment small = OffHeap.bytes(1);
                arguments[i] = type == MemorySegment.class ? small : GemmOps.Operand.f32(small, 256);
                assertRefused(operation, arguments, i);
            }
        }
    }

    /** Each extent in turn is negative. */
    @ParameterizedTest
    @MethodSource("operations")
    void everyNegativeExtentIsRefused(Method operation) throws IllegalAccessException {
        for (int i = 0; i < operation.getParameterCount(); i++) {
            if (operation.getParameterTypes()[i] == long.class) {
                Object[] arguments = arguments(operation);
                arguments[i] = -1L;
                assertRefused(operation, arguments, i);
                arguments[i] = Long.MAX_VALUE - 3;
                assertRefused(operation, arguments, i);
            }
        }
    }

    private void assertRefused(Method operation, Object[] arguments, int changed) throws IllegalAccessException {
        try {
            operation.invoke(backend, arguments);
        } catch (InvocationTargetException e) {
            assertThat(e.getCause()).as("%s, argument %d", operation, changed).isInstanceOf(IllegalArgumentException.class);
            assertThat(e.getCause().getMessage()).matches(".*\\d.*");
            return;
        }
        throw new AssertionError(operation + " accepted argument " + changed + " = " + arguments[changed]);
    }

    private static Object[] arguments(Method operation) {
        Object[] arguments = new Object[operation.getParameterCount()];
        for (int i = 0; i < arguments.length; i++) {
            Class<?> type = operation.getParameterTypes()[i];
            if (type == MemorySegment.class) {
                boolean interchange = operation.getName().equals("ternaryEncode") && i == 5
                        || operation.getName().equals("ternaryDecode") && i == 1;
                arguments[i] = interchange ? OffHeap.bytes(TernaryFormat.TQ2_0.bytes(256, 256)) : Arena.ofAuto().allocate(1 << 20, 64);
            } else if (type == long.class) {
                arguments[i] = 256L;
            } else if (type == float.class) {
                arguments[i] = 1f;
            } else if (type == boolean.class) {
                arguments[i] = false;
            } else if (type == TernaryFormat.class) {
                arguments[i] = TernaryFormat.TQ2_0;
            } else if (type == NnOps.Attention.class) {
                arguments[i] = new NnOps.Attention(1, 4, 4, 2, 1, 4, 1, 8, 4, 0);
            } else if (type == GemmOps.Operand.class) {
                arguments[i] = GemmOps.Operand.f32(Arena.ofAuto().allocate(1 << 20, 64), 256);
            } else if (type == FakeQuantRule.class) {
                arguments[i] = new FakeQuantRule(QuantLevels.ternary(), new Estimator.Lsq(0));
            } else if (type.isRecord()) {
                arguments[i] = ones(type); // hyper-parameters
            } else {
                arguments[i] = type.getEnumConstants()[0];
            }
        }
        return arguments;
    }

    /** A record of numbers and flags, all of them 1 or set. */
    private static Object ones(Class<?> type) {
        Class<?>[] types = Arrays.stream(type.getRecordComponents()).map(RecordComponent::getType).toArray(Class<?>[]::new);
        Object[] values = Arrays.stream(types).map(each -> each == float.class ? (Object) 1f : each == boolean.class ? (Object) true : 1)
                .toArray();
        try {
            return type.getDeclaredConstructor(types).newInstance(values);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(type + " is not made of numbers and flags", e);
        }
    }
}
