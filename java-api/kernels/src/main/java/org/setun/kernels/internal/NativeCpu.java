package org.setun.kernels.internal;

import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/cpu.h}. */
public final class NativeCpu {

    private static final MethodHandle FEATURES = Downcalls.function("setun_cpu_features", FunctionDescriptor.of(JAVA_LONG));
    private static final MethodHandle DISABLED = Downcalls.function("setun_cpu_disabled_features", FunctionDescriptor.of(JAVA_LONG));
    private static final MethodHandle BEST_ISA = Downcalls.function("setun_cpu_best_isa", FunctionDescriptor.of(JAVA_INT));
    private static final MethodHandle SUPPORTS = Downcalls.function("setun_cpu_supports", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    static {
        Downcalls.function("setun_isa_name", FunctionDescriptor.of(ADDRESS, JAVA_INT));
        Downcalls.function("setun_isa_parse", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    }

    private NativeCpu() {
    }

    public static long features() {
        try {
            return (long) FEATURES.invokeExact();
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }

    public static long disabledFeatures() {
        try {
            return (long) DISABLED.invokeExact();
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }

    public static int bestIsa() {
        try {
            return (int) BEST_ISA.invokeExact();
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }

    public static boolean supports(int isa) {
        try {
            return (int) SUPPORTS.invokeExact(isa) != 0;
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }
}
