package org.setun.kernels.internal;

import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Extracts the library from its jar: {@code <cache>/setun/<version>-<sha256 prefix>/<name>}, readable by the owner alone, written under a
 * temporary name and moved there in one step, and used again if its SHA-256 is right. Nothing of other versions is ever deleted.
 */
final class LibraryCache {

    private LibraryCache() {
    }

    /** {@code ${XDG_CACHE_HOME:-~/.cache}}, then the directory for temporary files. */
    static List<Path> directories(Function<String, @Nullable String> properties, Function<String, @Nullable String> environment) {
        List<Path> directories = new ArrayList<>();
        String xdg = environment.apply("XDG_CACHE_HOME");
        String home = properties.apply("user.home");
        if (xdg != null && Path.of(xdg).isAbsolute()) {
            directories.add(Path.of(xdg));
        } else if (home != null && Path.of(home).isAbsolute()) {
            directories.add(Path.of(home, ".cache"));
        }
        String user = properties.apply("user.name");
        directories.add(
                Path.of(properties.apply("java.io.tmpdir"), "setun-" + (user == null ? "user" : user.replaceAll("[^A-Za-z0-9_.-]", "_"))));
        return directories;
    }

    static Path extract(byte[] content, String name, Path cache) throws IOException {
        String digest = sha256(content);
        Files.createDirectories(cache);
        Path directory = cache.resolve("setun").resolve(Platform.VERSION + "-" + digest.substring(0, 16));
        createPrivate(directory.getParent());
        createPrivate(directory);
        Path file = directory.resolve(name);
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && sha256(Files.readAllBytes(file)).equals(digest)) {
            return file;
        }
        Path temporary = Files.createTempFile(directory, name, ".tmp", ownerOnly(directory, "rwx------"));
        try {
            Files.write(temporary, content, StandardOpenOption.TRUNCATE_EXISTING);
            try {
                Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } catch (AtomicMoveNotSupportedException e) {
                Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
            }
        } finally {
            Files.deleteIfExists(temporary);
        }
        return file;
    }

    /** A directory that only its owner may enter: what lies in it was put there by the user of this process. */
    private static void createPrivate(Path directory) throws IOException {
        try {
            Files.createDirectory(directory, ownerOnly(directory.getParent(), "rwx------"));
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
                throw new IOException(directory + " is not a directory", e);
            }
            PosixFileAttributeView view = Files.getFileAttributeView(directory, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
            if (view != null) {
                String rights = PosixFilePermissions.toString(view.readAttributes().permissions());
                if (rights.charAt(4) == 'w' || rights.charAt(7) == 'w') {
                    throw new IOException(directory + " may be written by others (" + rights + ")", e);
                }
                Path self = Path.of("/proc/self");
                if (Files.exists(self) && !Files.getOwner(self).equals(view.getOwner())) {
                    throw new IOException(directory + " belongs to " + view.getOwner(), e);
                }
            }
        }
    }

    private static FileAttribute<?>[] ownerOnly(Path where, String rights) {
        return where.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[]{PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(rights))}
                : new FileAttribute<?>[0];
    }

    private static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }
}
