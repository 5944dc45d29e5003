package org.setun.kernels.internal;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.NativeLibraryException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** Where libraries are looked for, and what a user is told when there is none. */
class LibraryLoaderTest {

    private static final Path REAL = Path.of(System.getProperty("setun.native.path"));
    private static final Platform HERE = Platform.current();

    @TempDir
    Path temp;

    private final Arena arena = Arena.ofShared();
    private final Map<String, String> properties = new HashMap<>();
    private byte @Nullable [] resource;

    @AfterEach
    void close() {
        arena.close();
    }

    private LibraryLoader loader(Path... caches) {
        return new LibraryLoader(properties::get, HERE, this::open, List.of(caches), arena);
    }

    private @Nullable InputStream open(String name) {
        return resource != null && name.equals(HERE.resource()) ? new ByteArrayInputStream(resource) : null;
    }

    /** Compiles a shared library. */
    private Path compile(String name, String source) throws Exception {
        Path c = Files.writeString(temp.resolve(name + ".c"), source);
        Path so = temp.resolve(name + ".so");
        Process cc = new ProcessBuilder("cc", "-shared", "-fPIC", "-o", so.toString(), c.toString()).inheritIO().start();
        assertThat(cc.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(cc.exitValue()).isZero();
        return so;
    }

    private void assertRefused(String... parts) {
        assertThatThrownBy(() -> loader(temp.resolve("cache")).load()).isInstanceOf(NativeLibraryException.class)
                .hasMessageContaining(HERE.os()).hasMessageContaining(HERE.arch()).hasMessageContaining(HERE.libc())
                .hasMessageContaining("What to do: ").hasMessageContainingAll(parts);
    }

    @Test
    void thePropertyNamesTheLibrary() {
        properties.put("setun.native.path", REAL.toString());
        LibraryLoader.Library library = loader().load();
        assertThat(library.file()).isEqualTo(REAL);
        assertThat(library.symbols().find("setun_context_create")).isPresent();
    }

    @Test
    void thePropertyDoesNotFallThrough() throws IOException {
        resource = Files.readAllBytes(REAL);
        properties.put("setun.native.path", "/nowhere/libsetun.so");
        assertRefused("-Dsetun.native.path=/nowhere/libsetun.so: no such file", "point -Dsetun.native.path");
    }

    @Test
    void directoriesAreNotLibraries() {
        properties.put("setun.native.path", temp.toString());
        assertRefused("not a regular file");
    }

    @Test
    void garbageIsNamedAsSuch() throws IOException {
        Path file = Files.writeString(temp.resolve("libsetun.so"), "this is not a library, but it is long enough for a header");
        properties.put("setun.native.path", file.toString());
        assertRefused("not a shared library (no ELF header)");
    }

    @Test
    void truncatedLibrariesAreRefused() throws IOException {
        byte[] whole = Files.readAllBytes(REAL);
        Path file = temp.resolve("libsetun.so");
        properties.put("setun.native.path", file.toString());
        for (int length : new int[]{64, 600, whole.length / 2, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertRefused(file + ": truncated: " + length + " bytes of at least " + whole.length);
        }
    }

    @Test
    void librariesOfOtherMachinesAreNamed() throws IOException {
        byte[] other = Files.readAllBytes(REAL);
        other[18] = (byte) (HERE.arch().equals("x86_64") ? 183 : 62);
        Path file = Files.write(temp.resolve("libsetun.so"), other);
        properties.put("setun.native.path", file.toString());
        assertRefused("built for " + (HERE.arch().equals("x86_64") ? "aarch_64" : "x86_64") + ", this machine is " + HERE.arch());
    }

    @Test
    void otherLibrariesAreRefused() throws Exception {
        properties.put("setun.native.path", compile("other", "int answer(void) { return 42; }").toString());
        assertRefused("not a Setun library (it has no setun_abi_version)");
    }

    @Test
    void otherAbiVersionsAreRefusedWithBothVersions() throws Exception {
        properties.put("setun.native.path", compile("future", "unsigned setun_abi_version(void) { return 77; }").toString());
        assertRefused("ABI version 77", "needs " + LibraryLoader.ABI_VERSION);
    }

    @Test
    void unresolvedSymbolsAreNamedByTheLinker() throws Exception {
        properties.put("setun.native.path",
                compile("broken",
                        "int not_there_at_all(void); int (*keep)(void) = not_there_at_all; unsigned setun_abi_version(void) { return 1; }")
                        .toString());
        assertRefused("undefined symbol: not_there_at_all");
    }

    @Test
    void theResourceIsExtractedPrivatelyAndUsedAgain() throws IOException {
        resource = Files.readAllBytes(REAL);
        Path cache = temp.resolve("cache");
        Path file = loader(cache).load().file();
        assertThat(file.toString()).startsWith(cache + "/setun/" + Platform.VERSION + "-").endsWith("/libsetun.so");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent()))).isEqualTo("rwx------");
        assertThat(file).hasBinaryContent(resource);
        Object first = Files.getAttribute(file, "unix:ino");
        assertThat(loader(cache).load().file()).isEqualTo(file);
        assertThat(Files.getAttribute(file, "unix:ino")).as("written once").isEqualTo(first);
        try (var files = Files.list(file.getParent())) {
            assertThat(files).as("no temporary files left").hasSize(1);
        }
    }

    @Test
    void processesThatStartTogetherDoNotDisturbEachOther() throws Exception {
        byte[] content = Files.readAllBytes(REAL);
        try (ExecutorService starters = Executors.newFixedThreadPool(8)) {
            List<Future<Path>> files = new ArrayList<>();
            for (int i = 0; i < 32; i++) {
                files.add(starters.submit(() -> LibraryCache.extract(content, "libsetun.so", temp.resolve("cache"))));
            }
            for (Future<Path> file : files) {
                assertThat(file.get()).hasBinaryContent(content);
            }
        }
    }

    @Test
    void aDamagedCopyIsReplaced() throws IOException {
        resource = Files.readAllBytes(REAL);
        Path file = LibraryCache.extract(resource, "libsetun.so", temp.resolve("cache"));
        Files.writeString(file, "damaged");
        assertThat(loader(temp.resolve("cache")).load().file()).isEqualTo(file).hasBinaryContent(resource);
    }

    @Test
    void aCacheThatOthersMayWriteToIsNotTrusted() throws IOException {
        resource = Files.readAllBytes(REAL);
        Path cache = temp.resolve("shared");
        Files.createDirectories(cache.resolve("setun"));
        Files.setPosixFilePermissions(cache.resolve("setun"), PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThat(loader(cache, temp.resolve("second")).load().file().toString()).startsWith(temp.resolve("second").toString());
        assertThatThrownBy(() -> loader(cache).load()).hasMessageContaining("may be written by others");
    }

    @Test
    void anUnusableCacheFallsBackToTheNext() throws IOException {
        resource = Files.readAllBytes(REAL);
        Path blocked = Files.writeString(temp.resolve("a-file"), "in the way");
        assertThat(loader(blocked, temp.resolve("second")).load().file().toString()).startsWith(temp.resolve("second").toString());
        assertThatThrownBy(() -> loader(blocked).load()).hasMessageContaining("cannot write it");
    }

    @Test
    void withoutResourceTheDependencyIsNamed() {
        properties.put("java.library.path", temp + ":" + temp.resolve("none"));
        assertRefused("resource " + HERE.resource() + ": not on the class path",
                "java.library.path: " + temp.resolve("libsetun.so") + ": no such",
                "java.library.path: " + temp.resolve("none/libsetun.so"),
                "add the dependency org.setun:setun-kernels:" + Platform.VERSION + ":" + HERE.classifier());
    }

    @Test
    void theLibraryPathIsSearchedInOrder() throws IOException {
        Files.writeString(temp.resolve("libsetun.so"), "garbage comes first but does not stop the search");
        properties.put("java.library.path", temp + ":" + REAL.getParent());
        assertThat(loader().load().file()).isEqualTo(REAL);
    }

    @Test
    void cacheDirectoriesFollowTheEnvironment() {
        Map<String, String> system = Map.of("user.home", "/home/ada", "user.name", "ada", "java.io.tmpdir", "/tmp");
        assertThat(LibraryCache.directories(system::get, Map.of("XDG_CACHE_HOME", "/cache")::get)).containsExactly(Path.of("/cache"),
                Path.of("/tmp/setun-ada"));
        assertThat(LibraryCache.directories(system::get, Map.<String, String>of()::get)).containsExactly(Path.of("/home/ada/.cache"),
                Path.of("/tmp/setun-ada"));
    }

    @Test
    void noexecMountsAreNamed() throws IOException {
        List<String> mounts = List.of("overlay / overlay rw,relatime 0 0", "tmpfs " + temp.toRealPath() + " tmpfs rw,nosuid,noexec 0 0");
        assertThat(LibraryDiagnosis.noexecMountOf(temp.resolve("x/libsetun.so"), mounts)).isEqualTo(temp.toRealPath().toString());
        assertThat(LibraryDiagnosis.noexecMountOf(Path.of("/usr/lib/libsetun.so"), mounts)).isNull();
    }

    @Test
    void aNoexecDirectoryIsTheNamedCause() throws IOException {
        Path shared = Path.of("/dev/shm");
        assumeTrue(Files.isWritable(shared), "no writable /dev/shm");
        assumeTrue(LibraryDiagnosis.noexecMountOf(shared, Files.readAllLines(Path.of("/proc/self/mounts"))) != null,
                "/dev/shm allows execution");
        Path folder = Files.createTempDirectory(shared, "setun");
        Path copy = Files.copy(REAL, folder.resolve("libsetun.so"));
        try {
            properties.put("setun.native.path", copy.toString());
            assertRefused("failed to map segment", "is mounted noexec");
        } finally {
            Files.delete(copy);
            Files.delete(folder);
        }
    }
}
