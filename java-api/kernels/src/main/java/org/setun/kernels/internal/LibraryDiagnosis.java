package org.setun.kernels.internal;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Why the system refused to open a library file, in words. The JDK keeps the linker's own message to itself. */
final class LibraryDiagnosis {

    private static final int RTLD_NOW = 2;
    private static final int ELF_HEADER = 64;
    private static final int ELF_MAGIC = 'F' << 24 | 'L' << 16 | 'E' << 8 | 0x7F;

    private LibraryDiagnosis() {
    }

    /** After the system refused to open {@code file}. */
    static String whyNotOpened(Path file) {
        String cause = whatTheLinkerSays(file);
        String mount = noexecMountOf(file, mounts());
        return mount == null ? cause : cause + " (" + mount + " is mounted noexec)";
    }

    /**
     * Why {@code file} must not even be handed to the system: foreign, other-machine and truncated files (opening these may end the
     * process). Null if nothing is wrong, or the platform has another format than ELF.
     */
    static @Nullable String whyNotToOpen(Path file, Platform platform) {
        if (!platform.os().equals("linux")) {
            return null;
        }
        ByteBuffer head;
        long size;
        try (InputStream in = Files.newInputStream(file)) {
            head = ByteBuffer.wrap(in.readNBytes(ELF_HEADER)).order(ByteOrder.LITTLE_ENDIAN);
            size = Files.size(file);
        } catch (IOException e) {
            return "cannot read it: " + e;
        }
        if (head.limit() < ELF_HEADER || head.getInt(0) != ELF_MAGIC) {
            return "not a shared library (no ELF header)";
        }
        int machine = Short.toUnsignedInt(head.getShort(18));
        String arch = switch (machine) {
            case 62 -> "x86_64";
            case 183 -> "aarch_64";
            default -> "machine " + machine;
        };
        if (!arch.equals(platform.arch())) {
            return "built for " + arch + ", this machine is " + platform.arch();
        }
        long sectionTable = head.getLong(40);
        long sectionBytes = (long) Short.toUnsignedInt(head.getShort(58)) * Short.toUnsignedInt(head.getShort(60));
        return sectionTable < 0 || sectionTable > size - sectionBytes
                ? "truncated: " + size + " bytes of at least "
                        + Long.toUnsignedString(sectionTable + sectionBytes)
                : null;
    }

    private static String whatTheLinkerSays(Path file) {
        Linker linker = Linker.nativeLinker();
        SymbolLookup libc = linker.defaultLookup();
        if (libc.find("dlopen").isEmpty() || libc.find("dlerror").isEmpty()) {
            return "the system refused to open it";
        }
        MethodHandle dlopen = linker.downcallHandle(libc.findOrThrow("dlopen"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        MethodHandle dlerror = linker.downcallHandle(libc.findOrThrow("dlerror"), FunctionDescriptor.of(ValueLayout.ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment handle = (MemorySegment) dlopen.invokeExact(arena.allocateFrom(file.toString()), RTLD_NOW);
            MemorySegment message = (MemorySegment) dlerror.invokeExact();
            if (!handle.equals(MemorySegment.NULL) || message.equals(MemorySegment.NULL)) {
                return "the system refused to open it";
            }
            String text = message.reinterpret(Long.MAX_VALUE).getString(0);
            return text.startsWith(file + ": ") ? text.substring(file.toString().length() + 2) : text;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** The mount that {@code file} lies on, if it is mounted noexec; {@code mounts} are lines of {@code /proc/self/mounts}. */
    static @Nullable String noexecMountOf(Path file, List<String> mounts) {
        return mounts.stream().map(line -> line.split(" ")).filter(fields -> fields.length > 3 && file.startsWith(fields[1]))
                .max(Comparator.comparingInt(fields -> fields[1].length())).filter(fields -> (',' + fields[3] + ',').contains(",noexec,"))
                .map(fields -> fields[1]).orElse(null);
    }

    private static List<String> mounts() {
        try {
            return Files.readAllLines(Path.of("/proc/self/mounts"));
        } catch (IOException e) {
            return List.of(); // not Linux
        }
    }
}
