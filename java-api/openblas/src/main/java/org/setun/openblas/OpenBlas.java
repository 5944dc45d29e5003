package org.setun.openblas;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.net.URL;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.BlasProvider;

/**
 * OpenBLAS from Bytedeco's jar {@code org.bytedeco:openblas} of the platform's classifier. JavaCPP extracts the library to its cache
 * directory; it is then bound by the Foreign Function &amp; Memory API, without JNI.
 *
 * <p>OpenBLAS is set to one thread, <em>for the whole process</em>: Setun splits products over its own workers. Code that shares the
 * process and wants OpenBLAS's threads must set them itself, and then must not use this provider.
 *
 * <p>On the module path the platform's jar needs a root, such as {@code --add-modules org.bytedeco.openblas.linux.x86_64}.
 *
 * <p>Thread-safe.
 */
public final class OpenBlas implements BlasProvider {

    /** Dependencies before dependents; a library that the platform's jar does not have is not needed there. */
    private static final List<String> LINUX = List.of("libquadmath.so.0", "libgfortran.so.5", "libopenblas.so.0");
    private static final List<String> MACOS = List.of("libgcc_s.1.1.dylib", "libquadmath.0.dylib", "libgfortran.5.dylib",
            "libopenblas.0.dylib");

    private static @Nullable SymbolLookup library;

    /** Called by {@link java.util.ServiceLoader}; loads nothing yet. */
    public OpenBlas() {
    }

    @Override
    public String name() {
        return "OpenBLAS";
    }

    @Override
    public MemorySegment sgemm() {
        return load().findOrThrow("cblas_sgemm");
    }

    /**
     * Version, kernels and limits, such as {@code OpenBLAS 0.3.31 DYNAMIC_ARCH NO_AFFINITY Zen MAX_THREADS=128}.
     *
     * @throws UnsatisfiedLinkError if the library is not there for this platform
     */
    public static String config() {
        try {
            MemorySegment text = (MemorySegment) Linker.nativeLinker()
                    .downcallHandle(load().findOrThrow("openblas_get_config"), FunctionDescriptor.of(ValueLayout.ADDRESS)).invokeExact();
            return text.reinterpret(Long.MAX_VALUE).getString(0).trim();
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** Threads that OpenBLAS uses by itself. */
    static int threads() {
        try {
            return (int) Linker.nativeLinker()
                    .downcallHandle(load().findOrThrow("openblas_get_num_threads"), FunctionDescriptor.of(ValueLayout.JAVA_INT))
                    .invokeExact();
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    private static synchronized SymbolLookup load() {
        if (library == null) {
            SymbolLookup loaded = open();
            try {
                Linker.nativeLinker().downcallHandle(loaded.findOrThrow("openblas_set_num_threads"),
                        FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT)).invokeExact(1);
            } catch (Throwable e) {
                throw unchecked(e);
            }
            library = loaded;
        }
        return library;
    }

    private static SymbolLookup open() {
        String platform = Loader.getPlatform();
        List<String> chain = platform.startsWith("linux") ? LINUX : platform.startsWith("macosx") ? MACOS : List.of();
        SymbolLookup last = null;
        for (String name : chain) {
            String resource = "org/bytedeco/openblas/" + platform + "/" + name;
            URL found = OpenBlas.class.getClassLoader().getResource(resource);
            if (found == null) {
                continue;
            }
            try {
                last = SymbolLookup.libraryLookup(Loader.cacheResource(found).toPath(), Arena.global());
            } catch (IOException | IllegalArgumentException e) {
                throw (UnsatisfiedLinkError) new UnsatisfiedLinkError(resource + ": " + e.getMessage()).initCause(e);
            }
        }
        if (last == null || last.find("cblas_sgemm").isEmpty()) {
            throw new UnsatisfiedLinkError(
                    "no OpenBLAS for " + platform + " on the class path: add org.bytedeco:openblas with the classifier "
                            + platform);
        }
        return last;
    }

    private static RuntimeException unchecked(Throwable thrown) {
        switch (thrown) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new AssertionError("native calls throw nothing checked", thrown);
        }
    }
}
