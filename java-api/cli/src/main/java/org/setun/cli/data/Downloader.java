package org.setun.cli.data;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.zip.GZIPInputStream;
import org.setun.formats.AtomicFile;
import org.setun.formats.Sha256;

/**
 * Fetches files over HTTP and keeps only what hashes to the stated SHA-256: a file is written under a temporary name and renamed when
 * complete and right, so that a broken transfer or a wrong file never replaces a good one.
 */
public final class Downloader {

    /** No file of {@link DataSets} is larger; a server that sends more is cut off. */
    private static final long MAX_BYTES = 1L << 30;

    /** What {@link #fetch} did. */
    public enum Outcome {
        /** The file was there and right. */
        KEPT,
        /** The file was downloaded. */
        FETCHED
    }

    /** Told about bytes as they arrive; {@code total} is -1 if the server does not say. */
    @FunctionalInterface
    public interface Progress {
        void bytes(String file, long received, long total);
    }

    private final Progress progress;
    private final HttpClient client = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL)
            .connectTimeout(Duration.ofSeconds(20))
            .build();

    public Downloader(Progress progress) {
        this.progress = progress;
    }

    /** Makes sure that {@code folder} holds the entry's file with the entry's hash. */
    public Outcome fetch(DataSets.Entry entry, Path folder) throws IOException, InterruptedException {
        Path target = folder.resolve(entry.file());
        if (Files.isRegularFile(target) && Sha256.of(target).equals(entry.sha256())) {
            return Outcome.KEPT;
        }
        Files.createDirectories(folder);
        HttpRequest request = HttpRequest.newBuilder(entry.source()).timeout(Duration.ofMinutes(5)).build();
        HttpResponse<InputStream> response = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        try (InputStream body = response.body()) {
            if (response.statusCode() != 200) {
                throw new IOException(entry.source() + " answered with HTTP status " + response.statusCode());
            }
            long total = response.headers().firstValueAsLong("Content-Length").orElse(-1);
            AtomicFile.write(target, channel -> store(entry, new Counted(body, entry.file(), total), Channels.newOutputStream(channel)));
        }
        return Outcome.FETCHED;
    }

    private static void store(DataSets.Entry entry, InputStream transferred, OutputStream out) throws IOException {
        MessageDigest digest = Sha256.digest();
        try (InputStream content = entry.gzip() ? new GZIPInputStream(transferred) : transferred) {
            copyLimited(content, new DigestOutputStream(out, digest), entry);
        }
        String actual = Sha256.text(digest);
        if (!actual.equals(entry.sha256())) {
            throw new IOException(entry.source() + " has SHA-256 " + actual + ", expected " + entry.sha256()
                    + "; nothing was kept. The file at the source has changed, or was changed on the way");
        }
    }

    private static void copyLimited(InputStream in, OutputStream out, DataSets.Entry entry) throws IOException {
        byte[] block = new byte[1 << 16];
        long copied = 0;
        for (int n = in.read(block); n >= 0; n = in.read(block)) {
            copied += n;
            if (copied > MAX_BYTES) {
                throw new IOException(entry.source() + " sends more than " + MAX_BYTES + " bytes; no known data set is that large");
            }
            out.write(block, 0, n);
        }
    }

    /** Reports bytes as they come off the wire, before unpacking. */
    private final class Counted extends FilterInputStream {
        private final String file;
        private final long total;
        private long received;

        Counted(InputStream in, String file, long total) {
            super(in);
            this.file = file;
            this.total = total;
        }

        @Override
        public int read() throws IOException {
            int value = super.read();
            advance(value < 0 ? -1 : 1);
            return value;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int n = super.read(buffer, offset, length);
            advance(n);
            return n;
        }

        private void advance(long n) {
            if (n > 0) {
                received += n;
                progress.bytes(file, received, total);
            }
        }
    }
}
