package org.setun.training.data;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.setun.training.config.TrainingConfig.Data;
import org.setun.training.config.TrainingConfig.InvalidUtf8;

/** Documents and folders for tests. */
public final class Texts {

    private Texts() {
    }

    public static Document document(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return new Document("memory", 0, bytes.length, () -> new ByteArrayInputStream(bytes));
    }

    static Data data(Path path, String glob, double heldOut, long maxBytes, InvalidUtf8 invalid, long seed) {
        return new Data(List.of(path.toString()), glob, heldOut, maxBytes, invalid, seed, List.of());
    }

    public static Path folder(Path folder, Map<String, byte[]> files) throws IOException {
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Path path = folder.resolve(file.getKey());
            Files.createDirectories(path.getParent());
            Files.write(path, file.getValue());
        }
        return folder;
    }

    static Path zip(Path file, Map<String, byte[]> entries) throws IOException {
        try (OutputStream out = Files.newOutputStream(file); ZipOutputStream zip = new ZipOutputStream(out)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
                zip.closeEntry();
            }
        }
        return file;
    }
}
