package org.setun.testsupport;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.opentest4j.TestAbortedException;
import org.tukaani.xz.XZInputStream;

/**
 * Real files for tests, found under {@code -Dsetun.testdata}. A test whose file is missing is skipped; {@link SkipSummary} prints how many
 * and why.
 */
public final class TestData {

    private TestData() {
    }

    /** The file {@code relative}, unpacked if only {@code relative.xz} or {@code relative.gz} exists; skips the test if there is none. */
    public static Path require(String relative) {
        return find(relative).orElseThrow(() -> new TestAbortedException(root().isEmpty()
                ? "-Dsetun.testdata is not set"
                : "no " + relative + " under " + root().get()));
    }

    /** The file {@code relative}, unpacked if packed; empty if there is none. */
    public static Optional<Path> find(String relative) {
        if (root().isEmpty()) {
            return Optional.empty();
        }
        Path plain = root().get().resolve(relative);
        if (Files.exists(plain)) {
            return Optional.of(plain);
        }
        for (String suffix : new String[]{".xz", ".gz"}) {
            Path packed = plain.resolveSibling(plain.getFileName() + suffix);
            if (Files.exists(packed)) {
                return Optional.of(unpack(packed, relative, suffix));
            }
        }
        return Optional.empty();
    }

    private static Optional<Path> root() {
        String property = System.getProperty("setun.testdata", "");
        return property.isBlank() ? Optional.empty() : Optional.of(Path.of(property));
    }

    private static synchronized Path unpack(Path packed, String relative, String suffix) {
        Path target = Path.of("target", "testdata", relative);
        try {
            if (!Files.exists(target)) {
                Files.createDirectories(target.getParent());
                Path part = Files.createTempFile(target.getParent(), "unpack", ".part");
                try (InputStream in = Files.newInputStream(packed);
                        InputStream raw = suffix.equals(".xz") ? new XZInputStream(in) : new GZIPInputStream(in)) {
                    Files.copy(raw, part, StandardCopyOption.REPLACE_EXISTING);
                }
                Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
            }
            return target;
        } catch (IOException e) {
            throw new IllegalStateException("cannot unpack " + packed, e);
        }
    }
}
