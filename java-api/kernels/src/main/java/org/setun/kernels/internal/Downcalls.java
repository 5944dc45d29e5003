package org.setun.kernels.internal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * Binds C functions and describes C structs, and remembers all of them, so that a test can hold them against the headers. Handles belong
 * into {@code static final} fields.
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

    /** Any function. */
    static MethodHandle function(String name, FunctionDescriptor descriptor) {
        FUNCTIONS.put(name, descriptor);
        return LINKER.downcallHandle(NativeLibrary.symbol(name), descriptor);
    }

    /**
     * A second handle of a function that {@link #operation} bound, without the transition out of Java: some nanoseconds cheaper, but no
     * safepoint is reached while it runs. For calls of a few microseconds at most.
     */
    static MethodHandle critical(String name) {
        return LINKER.downcallHandle(NativeLibrary.symbol(name), FUNCTIONS.get(name), Linker.Option.critical(false));
    }

    /** A struct as the C compiler lays it out: fields at their natural alignment, the size a multiple of the largest. */
    static StructLayout struct(String name, ValueLayout... fields) {
        List<MemoryLayout> members = new ArrayList<>();
        long end = 0;
        long alignment = 1;
        for (ValueLayout field : fields) {
            long start = (end + field.byteAlignment() - 1) & -field.byteAlignment();
            if (start > end) {
                members.add(MemoryLayout.paddingLayout(start - end));
            }
            members.add(field);
            end = start + field.byteSize();
            alignment = Math.max(alignment, field.byteAlignment());
        }
        long size = (end + alignment - 1) & -alignment;
        if (size > end) {
            members.add(MemoryLayout.paddingLayout(size - end));
        }
        StructLayout layout = MemoryLayout.structLayout(members.toArray(MemoryLayout[]::new)).withName(name);
        STRUCTS.put(name, layout);
        return layout;
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
