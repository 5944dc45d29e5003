package org.setun.benchmarks;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Operand;

/** A backend that passes all calls on and sums their times by operation. For one caller thread. */
final class TimedBackend {

    private static final class Entry {
        long calls;
        long nanos;
    }

    private final Backend backend;
    private final Map<String, Entry> entries = new TreeMap<>();

    TimedBackend(Backend inner) {
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
        if (method.equals("gemmBf16")) {
            return method + (((Operand) arguments[4]).transposed() ? " dW" : ((Operand) arguments[5]).transposed() ? " forward" : " dX");
        }
        if (!method.equals("gemmF32")) {
            return method;
        }
        return method + ((boolean) arguments[0] ? " dW" : (boolean) arguments[1] ? " forward" : " dX");
    }

    Backend backend() {
        return backend;
    }

    void clear() {
        entries.clear();
    }

    /** One line per operation, longest first: milliseconds and calls per step, and the share of {@code totalNanos}. */
    String report(int steps, long totalNanos) {
        StringBuilder lines = new StringBuilder();
        long inside = 0;
        for (Map.Entry<String, Entry> each : entries.entrySet().stream()
                .sorted(Comparator.comparingLong((Map.Entry<String, Entry> entry) -> -entry.getValue().nanos)).toList()) {
            Entry entry = each.getValue();
            inside += entry.nanos;
            lines.append(String.format(Locale.ROOT, "  %-22s %9.3f ms %6d calls %5.1f %%%n", each.getKey(), entry.nanos / 1e6 / steps,
                    entry.calls / steps, 100.0 * entry.nanos / totalNanos));
        }
        lines.append(String.format(Locale.ROOT, "  %-22s %9.3f ms              %5.1f %%%n", "outside the backend",
                (totalNanos - inside) / 1e6 / steps,
                100.0 * (totalNanos - inside) / totalNanos));
        return lines.toString();
    }
}
