package org.setun.kernels.internal;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Binds C functions and describes C structs, and remembers all of them, so that a test can hold them against the headers. Handles belong
 * into {@code static final} fields. All are plain downcalls: a critical one is about one nanosecond cheaper (10.3 against 11.4 for
 * an empty {@code setun_fill}), but would hold up every safepoint for as long as a kernel runs.
 */
public final class Downcalls {

    private static final Linker LINKER = Linker.nativeLinker();
    private static final Map<String, FunctionDescriptor> FUNCTIONS = new ConcurrentSkipListMap<>();
    private static final Map<String, StructLayout> STRUCTS = new ConcurrentSkipListMap<>();

    private Downcalls() {
    }

    /** {@code setun_status name(setun_context *, arguments...)}. */
    static MethodHandle operation(String name, ValueLayout... arguments) {
        List<ValueLayout> all = new ArrayList<>(List.of(arguments));
        all.addFirst(ADDRESS);
        return function(name, FunctionDescriptor.of(JAVA_INT, all.toArray(ValueLayout[]::new)));
    }

    /**
     * {@code setun_status name(setun_context *, const descriptor *)}: called by {@link NativeContext#call}. All of them share one handle, which
     * takes the address as an argument: a handle per function is fast only where the compiler has inlined all from the constant to the call.
     */
    static Operation described(String name) {
        FUNCTIONS.put(name, FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
        return new Operation(MemorySegment.ofAddress(NativeLibrary.symbol(name).address()));
    }

    /** Calls the function at the first argument with a context and a descriptor, by their addresses. */
    static MethodHandle operations() {
        return LINKER.downcallHandle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    }

    /** Any function. */
    static MethodHandle function(String name, FunctionDescriptor descriptor) {
        FUNCTIONS.put(name, descriptor);
        return LINKER.downcallHandle(NativeLibrary.symbol(name), descriptor);
    }

    /** A struct of the headers, fields in their order. */
    static Struct struct(String name, ValueLayout... fields) {
        Struct struct = new Struct(name, fields);
        STRUCTS.put(name, struct.layout());
        return struct;
    }

    /** All functions bound so far. */
    public static Map<String, FunctionDescriptor> functions() {
        return Map.copyOf(FUNCTIONS);
    }

    /** All structs described so far. */
    public static Map<String, StructLayout> structs() {
        return Map.copyOf(STRUCTS);
    }
}
