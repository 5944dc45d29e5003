package org.setun.cli.data;

import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class DownloaderTest {

    private static final byte[] CONTENT = "sixty thousand digits".getBytes(StandardCharsets.UTF_8);

    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicLong reported = new AtomicLong();
    private HttpServer server;

    @TempDir
    Path folder;

    @BeforeEach
    void serve() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        handle("/plain", 200, CONTENT, CONTENT.length);
        handle("/packed.gz", 200, gzip(CONTENT), gzip(CONTENT).length);
        handle("/missing", 404, new byte[0], 0);
        handle("/short", 200, CONTENT, CONTENT.length + 100);
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void fetchesAndChecksAPlainFile() throws Exception {
        assertThat(downloader().fetch(entry("/plain", false, sha(CONTENT)), folder)).isEqualTo(Downloader.Outcome.FETCHED);
        assertThat(folder.resolve("file")).hasBinaryContent(CONTENT);
        assertThat(reported).hasValue(CONTENT.length);
    }

    /** A data set is for all who may read the folder. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void theFileHasTheRightsOfAnyNewFile() throws Exception {
        downloader().fetch(entry("/plain", false, sha(CONTENT)), folder);
        assertThat(Files.getPosixFilePermissions(folder.resolve("file")))
                .isEqualTo(Files.getPosixFilePermissions(Files.createFile(folder.resolve("other"))));
    }

    @Test
    void unpacksGzipAndHashesTheUnpackedBytes() throws Exception {
        downloader().fetch(entry("/packed.gz", true, sha(CONTENT)), folder);
        assertThat(folder.resolve("file")).hasBinaryContent(CONTENT);
    }

    @Test
    void keepsAFileThatIsThereAndRight() throws Exception {
        Files.write(folder.resolve("file"), CONTENT);
        assertThat(downloader().fetch(entry("/plain", false, sha(CONTENT)), folder)).isEqualTo(Downloader.Outcome.KEPT);
        assertThat(requests).hasValue(0);
    }

    @Test
    void refusesAWrongHashAndKeepsTheOldFile() throws Exception {
        Files.writeString(folder.resolve("file"), "old");
        assertThatThrownBy(() -> downloader().fetch(entry("/plain", false, "00"), folder)).isInstanceOf(IOException.class)
                .hasMessageContaining(sha(CONTENT)).hasMessageContaining("nothing was kept");
        onlyTheOldFileIsLeft();
    }

    @Test
    void aMissingFileNamesTheStatus() throws Exception {
        Files.writeString(folder.resolve("file"), "old");
        assertThatThrownBy(() -> downloader().fetch(entry("/missing", false, sha(CONTENT)), folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("404");
        onlyTheOldFileIsLeft();
    }

    @Test
    void aBrokenTransferLeavesNothingBehind() throws Exception {
        Files.writeString(folder.resolve("file"), "old");
        assertThatThrownBy(() -> downloader().fetch(entry("/short", false, sha(CONTENT)), folder)).isInstanceOf(IOException.class);
        onlyTheOldFileIsLeft();
    }

    @Test
    void anUnknownNameListsTheKnownOnes() {
        assertThatThrownBy(() -> DataSets.named("mnits")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("mnist")
                .hasMessageContaining("stories260k");
    }

    private void onlyTheOldFileIsLeft() throws IOException {
        assertThat(folder.resolve("file")).hasContent("old");
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(1);
        }
    }

    private Downloader downloader() {
        return new Downloader((file, received, total) -> reported.set(received));
    }

    private DataSets.Entry entry(String path, boolean gzip, String sha256) {
        URI source = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
        return new DataSets.Entry(source, gzip, "file", sha256);
    }

    private void handle(String path, int status, byte[] body, long announced) {
        server.createContext(path, exchange -> {
            requests.incrementAndGet();
            exchange.sendResponseHeaders(status, announced == 0 ? -1 : announced);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
    }

    private static byte[] gzip(byte[] content) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(content);
        }
        return out.toByteArray();
    }

    private static String sha(byte[] content) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }
}
