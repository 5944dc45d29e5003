package org.setun.kernels.internal;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NativeLibraryException;

/**
 * Finds and opens the native library. Order: the file named by {@code -Dsetun.native.path} (nothing else is tried then), the classifier
 * jar's resource, extracted to a cache directory, and {@code java.library.path}. A library with another ABI version is refused. When all
 * fail, one {@link NativeLibraryException} lists each attempt with its cause and the one thing to do.
 *
 * <p>The library is opened with {@link SymbolLookup#libraryLookup} (dlopen), so that two class loaders may each open it.
 */
public final class LibraryLoader {

    /** The {@code SETUN_ABI_VERSION} that the bindings are written for. */
    public static final int ABI_VERSION = 2;

    /** Names a file that is the only candidate. */
    public static final String PATH_PROPERTY = "setun.native.path";

    /** Automatic module name of the classifier jars; nothing requires it, so the command line must add it. */
    private static final String NATIVES_MODULE = "org.setun.kernels.natives";

    /** An opened library and where it came from. */
    public record Library(SymbolLookup symbols, Path file) {
    }

    private record Attempt(String where, String cause) {
    }

    private final Function<String, @Nullable String> properties;
    private final Platform platform;
    private final Function<String, @Nullable InputStream> resources;
    private final List<Path> caches;
    private final Arena arena;
    private final List<Attempt> attempts = new ArrayList<>();

    /**
     * @param properties system properties
     * @param resources  class path resources
     * @param caches     directories to extract to, best first
     * @param arena      how long the library stays open
     */
    public LibraryLoader(Function<String, @Nullable String> properties, Platform platform,
            Function<String, @Nullable InputStream> resources, List<Path> caches, Arena arena) {
        this.properties = properties;
        this.platform = platform;
        this.resources = resources;
        this.caches = caches;
        this.arena = arena;
    }

    /** The loader of this process; the library stays open to its end. */
    public static LibraryLoader ofProcess() {
        return new LibraryLoader(System::getProperty, Platform.current(), LibraryLoader::resource,
                LibraryCache.directories(System::getProperty, System::getenv), Arena.global());
    }

    /** Opens the first candidate that is right. */
    public Library load() {
        String path = properties.apply(PATH_PROPERTY);
        if (path != null && !path.isEmpty()) {
            Path file = Path.of(path).toAbsolutePath();
            return open(file, "-D" + PATH_PROPERTY + "=" + file).orElseThrow(() -> failure("point -D" + PATH_PROPERTY + " to the "
                    + platform.libraryName() + " " + Platform.VERSION + " built for " + platform.classifier()
                    + ", or remove the property"));
        }
        return fromResource().or(this::fromLibraryPath).orElseThrow(() -> failure(remedy()));
    }

    /** From any jar: on the module path, {@link Class#getResourceAsStream} would see only this module's own. */
    private static @Nullable InputStream resource(String name) {
        String relative = name.substring(1);
        ClassLoader loader = LibraryLoader.class.getClassLoader();
        return loader == null ? ClassLoader.getSystemResourceAsStream(relative) : loader.getResourceAsStream(relative);
    }

    private Optional<Library> fromResource() {
        byte[] content;
        try (InputStream in = resources.apply(platform.resource())) {
            if (in == null) {
                attempts.add(new Attempt("resource " + platform.resource(), "not on the class path or module path"));
                return Optional.empty();
            }
            content = in.readAllBytes();
        } catch (IOException e) {
            attempts.add(new Attempt("resource " + platform.resource(), e.toString()));
            return Optional.empty();
        }
        for (Path cache : caches) {
            try {
                Optional<Library> library = open(LibraryCache.extract(content, platform.libraryName(), cache), "resource extracted to ");
                if (library.isPresent()) {
                    return library;
                }
            } catch (IOException e) {
                attempts.add(new Attempt("resource extracted below " + cache, "cannot write it: " + e));
            }
        }
        return Optional.empty();
    }

    private Optional<Library> fromLibraryPath() {
        String path = properties.apply("java.library.path");
        for (String directory : (path == null ? "" : path).split(java.io.File.pathSeparator)) {
            Path file = Path.of(directory.isEmpty() ? "." : directory).resolve(platform.libraryName()).toAbsolutePath();
            Optional<Library> library = open(file, "java.library.path: ");
            if (library.isPresent()) {
                return library;
            }
        }
        return Optional.empty();
    }

    private Optional<Library> open(Path file, String how) {
        String where = how.endsWith(" ") ? how + file : how;
        if (!Files.isRegularFile(file)) {
            attempts.add(new Attempt(where, Files.exists(file) ? "not a regular file" : "no such file"));
            return Optional.empty();
        }
        String defect = LibraryDiagnosis.whyNotToOpen(file, platform);
        if (defect != null) {
            attempts.add(new Attempt(where, defect));
            return Optional.empty();
        }
        SymbolLookup symbols;
        try {
            symbols = SymbolLookup.libraryLookup(file, arena);
        } catch (IllegalArgumentException e) {
            attempts.add(new Attempt(where, LibraryDiagnosis.whyNotOpened(file)));
            return Optional.empty();
        }
        return symbols.find("setun_abi_version").map(LibraryLoader::abiVersion).map(version -> {
            if (version == ABI_VERSION) {
                return new Library(symbols, file);
            }
            attempts.add(
                    new Attempt(where, "the library has ABI version " + version + ", Setun " + Platform.VERSION + " needs " + ABI_VERSION));
            return null;
        }).or(() -> {
            if (attempts.isEmpty() || !attempts.getLast().where.equals(where)) {
                attempts.add(new Attempt(where, "not a Setun library (it has no setun_abi_version)"));
            }
            return Optional.empty();
        });
    }

    private static int abiVersion(MemorySegment function) {
        try {
            return (int) Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.of(ValueLayout.JAVA_INT)).invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private String remedy() {
        boolean noResource = attempts.stream().anyMatch(a -> a.where.startsWith("resource /"));
        if (noResource) {
            return "add the dependency org.setun:setun-kernels:" + Platform.VERSION + ":" + platform.classifier()
                    + (LibraryLoader.class.getModule().isNamed() ? " and the option --add-modules " + NATIVES_MODULE : "")
                    + " (without it only -Dsetun.backend=reference works)";
        }
        if (attempts.stream().anyMatch(a -> a.cause.contains("noexec"))) {
            return "set XDG_CACHE_HOME to a directory from which files may be executed";
        }
        return "use the classifier jar of Setun " + Platform.VERSION + " for " + platform.classifier() + ", or set -D" + PATH_PROPERTY;
    }

    private NativeLibraryException failure(String remedy) {
        StringBuilder text = new StringBuilder("cannot load the native library of Setun ").append(Platform.VERSION).append(" on ")
                .append(platform).append(". Tried:");
        for (Attempt attempt : attempts) {
            text.append("\n  ").append(attempt.where).append(": ").append(attempt.cause);
        }
        return new NativeLibraryException(text.append("\nWhat to do: ").append(remedy).append('.').toString());
    }
}
