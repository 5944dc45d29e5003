package org.setun.conformance;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Pages between two pages without access: a kernel that reads or writes one byte before the first or after the last dies at once.
 * POSIX only.
 */
final class GuardedMemory implements AutoCloseable {

    private static final long PAGE = 4096;
    private static final int NO_ACCESS = 0;
    private static final int READ_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS = System.getProperty("os.name").startsWith("Mac") ? 0x1002 : 0x22;
    private static final MethodHandle MMAP = function("mmap",
            FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MPROTECT = function("mprotect", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MUNMAP = function("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

    private final MemorySegment all;
    private final long inner;

    /** Room for at least {@code bytes}. */
    GuardedMemory(long bytes) {
        inner = Math.max(1, Math.ceilDiv(bytes, PAGE)) * PAGE;
        long total = inner + 2 * PAGE;
        try {
            MemorySegment mapped = (MemorySegment) MMAP.invokeExact(MemorySegment.NULL, total, NO_ACCESS, PRIVATE_ANONYMOUS, -1, 0L);
            if (mapped.address() == -1) {
                throw new IllegalStateException("mmap of " + total + " bytes failed");
            }
            all = mapped.reinterpret(total);
            if ((int) MPROTECT.invokeExact(all.asSlice(PAGE), inner, READ_WRITE) != 0) {
                throw new IllegalStateException("mprotect of " + inner + " bytes failed");
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** All the bytes between the guards. */
    MemorySegment inner() {
        return all.asSlice(PAGE, inner);
    }

    /** The first bytes: the guard lies before them. */
    MemorySegment first(long bytes) {
        return all.asSlice(PAGE, bytes);
    }

    /** The last bytes: the guard lies after them. */
    MemorySegment last(long bytes) {
        return all.asSlice(PAGE + inner - bytes, bytes);
    }

    @Override
    public void close() {
        try {
            int status = (int) MUNMAP.invokeExact(all, all.byteSize());
            if (status != 0) {
                throw new IllegalStateException("munmap failed");
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }
}
