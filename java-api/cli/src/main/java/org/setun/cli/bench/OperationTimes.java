package org.setun.cli.bench;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Operand;

/** A backend that passes all calls on and sums their times by operation. For one caller thread. */
public final class OperationTimes {

    /**
     * What an operation took in a step, on average.
     *
     * @param share of the step's time
     */
    public record Operation(String name, double calls, double ms, double share) {
    }

    private static final class Entry {
        long calls;
        long nanos;
    }

    private final Backend backend;
    private final Map<String, Entry> entries = new TreeMap<>();

    OperationTimes(Backend inner) {
        backend = (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[]{Backend.class},
                (proxy, method, arguments) -> {
                    long start = System.nanoTime();
                    try {
                        return method.invoke(inner, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    } finally {
                        Entry entry = entries.computeIfAbsent(label(method.getName(), arguments), name -> new Entry());
                        entry.calls++;
                        entry.nanos += System.nanoTime() - start;
                    }
                });
    }

    /** Tells the three products of a linear layer apart. */
    private static String label(String method, Object[] arguments) {
        return switch (method) {
            case "gemmBf16" -> method
                    + (((Operand) arguments[4]).transposed() ? " dW" : ((Operand) arguments[5]).transposed() ? " forward" : " dX");
            case "gemmF32" -> method + ((boolean) arguments[0] ? " dW" : (boolean) arguments[1] ? " forward" : " dX");
            default -> method;
        };
    }

    Backend backend() {
        return backend;
    }

    void clear() {
        entries.clear();
    }

    /** The operations, longest first, and "outside the backend" last. */
    List<Operation> report(long steps, double millisOfAll) {
        double all = millisOfAll;
        double inside = entries.values().stream().mapToLong(entry -> entry.nanos).sum() / 1e6;
        List<Operation> operations = new ArrayList<>(entries.entrySet().stream()
                .map(each -> new Operation(each.getKey(), (double) each.getValue().calls / steps, each.getValue().nanos / 1e6 / steps,
                        each.getValue().nanos / 1e6 / all))
                .sorted(Comparator.comparingDouble((Operation operation) -> -operation.ms)).toList());
        operations.add(new Operation("outside the backend", 0, (all - inside) / steps, (all - inside) / all));
        return operations;
    }
}
