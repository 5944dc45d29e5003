package org.setun.kernels.internal;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NativeLibraryException;

/** The one native library of this class loader, opened at first use. */
public final class NativeLibrary {

    private static LibraryLoader.@Nullable Library library;
    private static @Nullable NativeLibraryException failure;

    private NativeLibrary() {
    }

    /** The library; each call after a failed one fails alike, without a new search. */
    public static synchronized LibraryLoader.Library get() {
        if (library == null && failure == null) {
            try {
                requireNativeAccess();
                library = LibraryLoader.ofProcess().load();
            } catch (NativeLibraryException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw new NativeLibraryException(String.valueOf(failure.getMessage()));
        }
        return library;
    }

    /** Under {@code --illegal-native-access=deny}, the JDK's coming default, Java must be told that this module may call native code. */
    private static void requireNativeAccess() {
        try {
            Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid());
        } catch (IllegalCallerException e) {
            Module module = NativeLibrary.class.getModule();
            throw new NativeLibraryException("cannot load the native library of Setun " + Platform.VERSION + ": " + e.getMessage()
                    + "\nWhat to do: start Java with --enable-native-access=" + (module.isNamed() ? module.getName() : "ALL-UNNAMED")
                    + '.');
        }
    }

    /** Makes this and every later {@link #get} fail. */
    static synchronized NativeLibraryException fail(NativeLibraryException cause) {
        failure = cause;
        return cause;
    }

    /** The address of a function that every library of our ABI version has. */
    static MemorySegment symbol(String name) {
        LibraryLoader.Library loaded = get();
        return loaded.symbols().find(name).orElseThrow(
                () -> new NativeLibraryException(
                        loaded.file() + " has no " + name + ": it is an unfinished or damaged build of ABI version "
                                + LibraryLoader.ABI_VERSION + ". What to do: build or install Setun " + Platform.VERSION + " anew."));
    }
}
