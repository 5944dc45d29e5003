package org.setun.formats;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import org.setun.formats.internal.Output;

/** SHA-256 (FIPS 180-4) as lower-case hexadecimal text, of memory, text and files. Free-threaded. */
public final class Sha256 {

    /** Characters of a hash. */
    public static final int LENGTH = 64;

    private static final Pattern HASH = Pattern.compile("[0-9a-f]{" + LENGTH + "}");
    private static final long CHUNK = 1 << 30;
    private static final int BUFFER = 1 << 20;

    private Sha256() {
    }

    /** A new digest, for bytes that come in parts. */
    public static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    /** What a digest has seen; it starts anew. */
    public static String text(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Whether {@code text} has the form of a hash. */
    public static boolean isHash(String text) {
        return HASH.matcher(text).matches();
    }

    /** Adds memory of any length to a digest. */
    public static void update(MessageDigest digest, MemorySegment bytes) {
        for (long from = 0; from < bytes.byteSize(); from += CHUNK) {
            digest.update(Output.view(bytes.asSlice(from, Math.min(CHUNK, bytes.byteSize() - from))));
        }
    }

    /** Of memory. */
    public static String of(MemorySegment bytes) {
        MessageDigest digest = digest();
        update(digest, bytes);
        return text(digest);
    }

    /** Of a text in UTF-8. */
    public static String of(String text) {
        MessageDigest digest = digest();
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        return text(digest);
    }

    /** Of a file. */
    public static String of(Path file) throws IOException {
        return of(List.of(file), done -> {
        });
    }

    /**
     * Of the contents of files, one after another.
     *
     * @param progress receives the number of bytes done
     */
    public static String of(List<Path> files, LongConsumer progress) throws IOException {
        MessageDigest digest = digest();
        long done = 0;
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
        for (Path file : files) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                while (channel.read(buffer.clear()) > 0) {
                    done += buffer.position();
                    digest.update(buffer.flip());
                    progress.accept(done);
                }
            }
        }
        return text(digest);
    }

    /** Of {@code bytes} bytes of an open file from {@code from}; of fewer if it ends before. */
    public static String of(FileChannel channel, long from, long bytes) throws IOException {
        MessageDigest digest = digest();
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
        for (long at = 0; at < bytes;) {
            buffer.clear().limit((int) Math.min(BUFFER, bytes - at));
            int read = channel.read(buffer, from + at);
            if (read <= 0) {
                break; // a short file has another hash
            }
            at += read;
            digest.update(buffer.flip());
        }
        return text(digest);
    }
}
