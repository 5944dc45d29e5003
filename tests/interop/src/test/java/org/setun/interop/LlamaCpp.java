package org.setun.interop;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.opentest4j.TestAbortedException;

/** A build of llama.cpp ({@code -Dsetun.llamacpp}), driven by our small program {@code logits.cpp}. */
final class LlamaCpp {

    private final Path driver;
    private final Path folder;

    private LlamaCpp(Path driver, Path folder) {
        this.driver = driver;
        this.folder = folder;
    }

    /** Compiles the driver against the build; skips the test if there is none. */
    static LlamaCpp open(Path folder) throws IOException, InterruptedException {
        String property = System.getProperty("setun.llamacpp", "");
        if (property.isBlank()) {
            throw new TestAbortedException("-Dsetun.llamacpp is not set");
        }
        Path root = Path.of(property).toAbsolutePath();
        Path libraries = root.resolve("build/bin");
        Path source = folder.resolve("logits.cpp");
        try (InputStream in = LlamaCpp.class.getResourceAsStream("/logits.cpp")) {
            Files.copy(in, source);
        }
        Path driver = folder.resolve("logits");
        run(List.of("c++", "-std=c++17", "-O1", "-I" + root.resolve("include"), "-I" + root.resolve("ggml/include"), source.toString(),
                "-L" + libraries, "-lllama", "-lggml", "-lggml-base", "-Wl,-rpath," + libraries, "-o", driver.toString()));
        return new LlamaCpp(driver, folder);
    }

    /** Logits [tokens][vocab], computed in windows that start with an empty cache. */
    float[] logits(Path model, int[] tokens, int window) throws IOException, InterruptedException {
        Path in = folder.resolve("tokens");
        Path out = folder.resolve("logits.f32");
        ByteBuffer bytes = ByteBuffer.allocate(4 * tokens.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(tokens);
        Files.write(in, bytes.array());
        run(List.of(driver.toString(), model.toString(), in.toString(), String.valueOf(window), out.toString()));
        ByteBuffer logits = ByteBuffer.wrap(Files.readAllBytes(out)).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[logits.remaining() / 4];
        logits.asFloatBuffer().get(values);
        return values;
    }

    /** The ids of a text, without specials. */
    int[] tokenize(Path model, String text) throws IOException, InterruptedException {
        Path in = folder.resolve("text");
        Path out = folder.resolve("ids");
        Files.writeString(in, text);
        run(List.of(driver.toString(), model.toString(), "--tokenize", in.toString(), out.toString()));
        ByteBuffer ids = ByteBuffer.wrap(Files.readAllBytes(out)).order(ByteOrder.LITTLE_ENDIAN);
        int[] values = new int[ids.remaining() / 4];
        ids.asIntBuffer().get(values);
        return values;
    }

    private static void run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(new ArrayList<>(command)).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed:\n" + output);
        }
    }
}
