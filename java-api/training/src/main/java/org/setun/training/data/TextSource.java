package org.setun.training.data;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Finds documents in files, folders and zip or jar files. Their order is that of their names, whatever the file system says, so that the
 * same files always make the same corpus. Not thread-safe; close it when the documents are no longer read, since zips stay open.
 */
final class TextSource implements AutoCloseable {

    private final List<ZipFile> zips = new ArrayList<>();

    /** The documents of {@code path}; {@code glob} chooses among the entries of folders and zips, by their path inside it. */
    List<Document> documents(Path path, String glob) throws IOException {
        PathMatcher matcher = matcher(path, glob);
        List<Document> found;
        if (Files.isDirectory(path)) {
            found = folder(path, matcher);
        } else if (!Files.isRegularFile(path)) {
            throw new IllegalArgumentException("data path " + path + ": no such file or folder");
        } else if (isZip(path)) {
            found = zip(path, matcher);
        } else {
            found = new ArrayList<>(List.of(file(path.toString(), path)));
        }
        found.sort(Comparator.comparing(Document::name));
        return found;
    }

    private static boolean isZip(Path path) {
        String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
        return name.endsWith(".zip") || name.endsWith(".jar");
    }

    private static Document file(String name, Path path) throws IOException {
        return new Document(name, 0, Files.size(path), () -> Files.newInputStream(path));
    }

    private static List<Document> folder(Path folder, PathMatcher matcher) throws IOException {
        List<Document> found = new ArrayList<>();
        try (Stream<Path> walk = Files.walk(folder)) {
            for (Path path : (Iterable<Path>) walk::iterator) {
                Path inside = folder.relativize(path);
                if (Files.isRegularFile(path) && matcher.matches(inside)) {
                    found.add(file(inside.toString().replace('\\', '/'), path));
                }
            }
        } catch (java.io.UncheckedIOException e) {
            throw e.getCause();
        }
        return found;
    }

    private List<Document> zip(Path path, PathMatcher matcher) throws IOException {
        ZipFile zip;
        try {
            zip = new ZipFile(path.toFile());
        } catch (IOException e) {
            throw new IOException(path + ": not a readable zip file: " + e.getMessage(), e);
        }
        zips.add(zip);
        List<Document> found = new ArrayList<>();
        Enumeration<? extends ZipEntry> entries = zip.entries();
        while (entries.hasMoreElements()) {
            ZipEntry entry = entries.nextElement();
            if (!entry.isDirectory() && entry.getSize() >= 0 && matcher.matches(Path.of(entry.getName()))) {
                found.add(new Document(entry.getName(), 0, entry.getSize(), () -> zip.getInputStream(entry)));
            }
        }
        return found;
    }

    private static PathMatcher matcher(Path path, String glob) {
        try {
            return FileSystems.getDefault().getPathMatcher("glob:" + glob);
        } catch (java.util.regex.PatternSyntaxException e) {
            throw new IllegalArgumentException("glob '" + glob + "' for " + path + ": " + e.getDescription(), e);
        }
    }

    @Override
    public void close() throws IOException {
        for (ZipFile zip : zips) {
            zip.close();
        }
    }
}
