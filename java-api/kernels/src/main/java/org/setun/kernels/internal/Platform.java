package org.setun.kernels.internal;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.Properties;

/**
 * What the library runs on, in the words of os-maven-plugin: {@code linux-x86_64}, {@code linux-aarch_64}, {@code osx-aarch_64}.
 *
 * @param os   {@code linux}, {@code osx}, {@code windows}, or the JDK's own word
 * @param arch {@code x86_64}, {@code aarch_64}, or the JDK's own word
 * @param libc such as {@code glibc 2.36}
 */
public record Platform(String os, String arch, String libc) {

    /** Version of Setun. */
    public static final String VERSION = version();

    /** This process's platform. */
    public static Platform current() {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        os = os.startsWith("linux") ? "linux" : os.startsWith("mac") ? "osx" : os.startsWith("windows") ? "windows" : os.replace(' ', '_');
        arch = switch (arch) {
            case "amd64", "x86_64" -> "x86_64";
            case "aarch64", "arm64" -> "aarch_64";
            default -> arch;
        };
        return new Platform(os, arch, libcOf(os));
    }

    /** The classifier of the jar that holds this platform's library. */
    public String classifier() {
        return os + "-" + arch;
    }

    /** The file name of the library. */
    public String libraryName() {
        return switch (os) {
            case "osx" -> "libsetun.dylib";
            case "windows" -> "setun.dll";
            default -> "libsetun.so";
        };
    }

    /** Where the classifier jar holds the library. */
    public String resource() {
        return "/org/setun/native/" + classifier() + "/" + libraryName();
    }

    @Override
    public String toString() {
        return os + " " + arch + ", " + libc;
    }

    private static String libcOf(String os) {
        if (!os.equals("linux")) {
            return "system libc";
        }
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup().find("gnu_get_libc_version").map(address -> {
            try {
                MemorySegment text = (MemorySegment) linker.downcallHandle(address, FunctionDescriptor.of(ValueLayout.ADDRESS))
                        .invokeExact();
                return "glibc " + text.reinterpret(64).getString(0);
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }).orElse("no glibc (musl?)");
    }

    private static String version() {
        try (InputStream in = Platform.class.getResourceAsStream("version.properties")) {
            Properties properties = new Properties();
            properties.load(in);
            return properties.getProperty("version");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
