package org.setun.cli.doctor;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
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

import static org.assertj.core.api.Assertions.assertThat;

/** What {@code setun doctor} claims: its self-tests leave no operation out, and they notice a wrong result. */
class SelfTestsTest {

    @Test
    void everyOperationIsCalled() {
        Set<String> called = new TreeSet<>();
        try (ReferenceBackend reference = new ReferenceBackend()) {
            Backend recording = backend((proxy, method, arguments) -> {
                called.add(method.getName());
                return call(proxy, reference, method, arguments);
            });
            assertThat(SelfTest.compareAll(SelfTests.all(), recording, reference)).allMatch(SelfTest.Outcome::passed);
        }
        assertThat(called).containsAll(operations());
    }

    @Test
    void aBackendThatDoesNothingFailsEveryTest() {
        try (ReferenceBackend reference = new ReferenceBackend()) {
            Set<String> operations = operations();
            Backend idle = backend((proxy, method, arguments) -> operations.contains(method.getName())
                    ? null
                    : call(proxy, reference, method, arguments));
            assertThat(SelfTest.compareAll(SelfTests.all(), idle, reference)).noneMatch(SelfTest.Outcome::passed);
        }
    }

    @Test
    void namesAreUnique() {
        List<String> names = SelfTests.all().stream().map(SelfTest::kernel).toList();
        assertThat(names).doesNotHaveDuplicates();
    }

    private static Set<String> operations() {
        return Stream.of(TernaryOps.class, BlockOps.class, GemmOps.class, NnOps.class, ActivationOps.class, OptimOps.class, PiOps.class,
                HadamardOps.class, FakeQuantOps.class)
                .flatMap(family -> Stream.of(family.getMethods())).filter(method -> Modifier.isAbstract(method.getModifiers()))
                .map(Method::getName).collect(Collectors.toCollection(TreeSet::new));
    }

    private static Backend backend(InvocationHandler handler) {
        return (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[]{Backend.class}, handler);
    }

    private static Object call(Object proxy, Backend target, Method method, Object... arguments) throws Throwable {
        if (method.isDefault()) {
            return InvocationHandler.invokeDefault(proxy, method, arguments);
        }
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
