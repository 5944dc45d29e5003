package org.setun.kernels.internal;

import java.lang.invoke.MethodHandles;
import java.nio.file.Path;
import java.util.List;
import org.setun.kernels.NativeLibraryException;

/** Binds all functions at once, so that a library that lacks one is refused when it is opened and not in the middle of a run. */
public final class NativeBindings {

    private static final List<Class<?>> FAMILIES = List.of(NativeCpu.class, NativeContext.class, NativeTernary.class, NativeBlock.class,
            NativeGemm.class,
            NativeNn.class, NativeActivation.class, NativeHadamard.class, NativeOptim.class, NativePi.class, NativeFakeQuant.class);

    private NativeBindings() {
    }

    /**
     * Loads the library and binds its functions, if that has not been done.
     *
     * @return the library's file
     * @throws NativeLibraryException if it cannot be loaded or lacks a function
     */
    public static Path load() {
        Path file = NativeLibrary.get().file();
        for (Class<?> family : FAMILIES) {
            try {
                MethodHandles.lookup().ensureInitialized(family);
            } catch (ExceptionInInitializerError e) {
                if (e.getCause() instanceof NativeLibraryException cause) {
                    throw NativeLibrary.fail(cause);
                }
                throw e;
            } catch (IllegalAccessException e) {
                throw new AssertionError("families are classes of this package", e);
            }
        }
        return file;
    }
}
