package org.setun.training.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.training.config.TrainingConfig.Data;
import org.setun.training.config.TrainingConfig.InvalidUtf8;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class CorpusTest {

    @TempDir
    Path folder;

    private static Map<String, byte[]> files(int count) {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            files.put("d" + i % 3 + "/f" + i + ".java", ("class F" + i + " {}\n").repeat(i % 7 + 1).getBytes(StandardCharsets.UTF_8));
        }
        return files;
    }

    private Corpus open(Path path, String glob, double heldOut, long maxBytes, InvalidUtf8 invalid, long seed) throws IOException {
        return Corpus.open(Texts.data(path, glob, heldOut, maxBytes, invalid, seed));
    }

    private static List<String> names(List<Document> documents) {
        return documents.stream().map(Document::name).toList();
    }

    private static String text(Corpus corpus, List<Document> documents) throws IOException {
        StringBuilder all = new StringBuilder();
        corpus.read(documents, (text, end) -> all.append(text));
        return all.toString();
    }

    @Test
    void aFolderAndAZipOfTheSameFilesMakeTheSameSplit() throws IOException {
        Map<String, byte[]> files = files(40);
        Path tree = Texts.folder(folder.resolve("tree"), files);
        Path zip = Texts.zip(folder.resolve("all.zip"), files);
        try (Corpus a = open(tree, "**.java", 0.2, 0, InvalidUtf8.ERROR, 7);
                Corpus b = open(zip, "**.java", 0.2, 0, InvalidUtf8.ERROR, 7);
                Corpus c = open(zip, "**.java", 0.2, 0, InvalidUtf8.ERROR, 8)) {
            assertThat(names(a.training())).isEqualTo(names(b.training())).isNotEqualTo(names(c.training()))
                    .doesNotContainAnyElementsOf(names(a.heldOut()));
            assertThat(names(a.heldOut())).isEqualTo(names(b.heldOut()));
            assertThat(a.training().size() + a.heldOut().size()).isEqualTo(40);
            assertThat((double) a.heldOutBytes() / (a.heldOutBytes() + a.trainingBytes())).isBetween(0.2, 0.3);
            assertThat(text(a, a.heldOut())).isEqualTo(text(b, b.heldOut()));
        }
    }

    @Test
    void theGlobChooses() throws IOException {
        Map<String, byte[]> files = files(20);
        files.put("d0/readme.txt", "no".getBytes(StandardCharsets.UTF_8));
        Path tree = Texts.folder(folder, files);
        try (Corpus corpus = open(tree, "d0/**.java", 0.2, 0, InvalidUtf8.ERROR, 0)) {
            assertThat(names(corpus.training())).allMatch(name -> name.startsWith("d0/") && name.endsWith(".java"));
        }
    }

    @Test
    void oneFileIsCutAtACharacter() throws IOException {
        String text = "häuser über flüsse äöüß€😀".repeat(50);
        Path file = Files.writeString(folder.resolve("one.txt"), text);
        for (double share = 0.05; share < 0.3; share += 0.003) {
            try (Corpus corpus = open(file, "**", share, 0, InvalidUtf8.ERROR, 0)) {
                assertThat(text(corpus, corpus.training()) + text(corpus, corpus.heldOut())).isEqualTo(text);
            }
        }
    }

    @Test
    void theByteLimitHolds() throws IOException {
        Path tree = Texts.folder(folder, files(40));
        try (Corpus corpus = open(tree, "**", 0.2, 500, InvalidUtf8.ERROR, 0)) {
            assertThat(corpus.trainingBytes() + corpus.heldOutBytes()).isEqualTo(500);
        }
    }

    @Test
    void invalidUtf8IsSkippedReplacedOrRefused() throws IOException {
        Map<String, byte[]> files = files(20);
        files.put("bad.java", new byte[]{'o', 'k', (byte) 0xC3, '(', 'x'});
        Path tree = Texts.folder(folder, files);
        try (Corpus corpus = open(tree, "**", 0.2, 0, InvalidUtf8.SKIP, 0)) {
            assertThat(corpus.skipped()).containsExactly("bad.java");
            assertThat(corpus.training().size() + corpus.heldOut().size()).isEqualTo(20);
        }
        Path bad = tree.resolve("bad.java");
        try (Corpus corpus = open(bad, "**", 0.3, 0, InvalidUtf8.REPLACE, 0)) {
            assertThat(text(corpus, corpus.training()) + text(corpus, corpus.heldOut())).isEqualTo("ok\uFFFD(x");
        }
        try (Corpus corpus = open(bad, "**", 0.3, 0, InvalidUtf8.ERROR, 0)) {
            assertThatThrownBy(() -> text(corpus, corpus.heldOut())).isInstanceOf(InvalidTextException.class)
                    .hasMessageContaining("bad.java").hasMessageContaining("byte 2");
        }
    }

    @Test
    void emptyAndMissingCorporaAreExplained() throws IOException {
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertThatIllegalArgumentException().isThrownBy(() -> open(empty, "**.java", 0.2, 0, InvalidUtf8.SKIP, 0))
                .withMessageContaining("empty corpus: 0 files match '**.java'");
        assertThatIllegalArgumentException().isThrownBy(() -> open(folder.resolve("no"), "**", 0.2, 0, InvalidUtf8.SKIP, 0))
                .withMessageContaining("no such file or folder");
        Path zip = Files.writeString(folder.resolve("broken.zip"), "PK no zip");
        assertThatThrownBy(() -> open(zip, "**", 0.2, 0, InvalidUtf8.SKIP, 0)).isInstanceOf(IOException.class)
                .hasMessageContaining("broken.zip");
        assertThatIllegalArgumentException().isThrownBy(() -> open(folder, "{", 0.2, 0, InvalidUtf8.SKIP, 0)).withMessageContaining("glob");
    }

    /** A text of 3 GiB passes through a heap that could not hold it. */
    @Test
    void aHugeDocumentIsReadInPieces() throws IOException {
        long length = 3L << 30;
        byte[] line = "0123456789abcdef0123456789abcde\n".repeat(2048).getBytes(StandardCharsets.US_ASCII);
        InputStream endless = new InputStream() {
            @Override
            public int read() {
                return '\n';
            }

            @Override
            public int read(byte[] bytes, int offset, int count) {
                int n = Math.min(count, line.length);
                System.arraycopy(line, 0, bytes, offset, n);
                return n;
            }

            @Override
            public void skipNBytes(long n) {
            }
        };
        long[] seen = {0, 0};
        TextPieces.read(new Document("huge", 0, length, () -> endless), InvalidUtf8.ERROR, text -> {
            seen[0] += text.length();
            seen[1] = Math.max(seen[1], text.length());
        });
        assertThat(seen[0]).isEqualTo(length);
        assertThat(seen[1]).isLessThanOrEqualTo(TextPieces.MAX_BYTES);
    }

    @Property(tries = 200)
    void piecesNeverCutACharacter(@ForAll @Size(min = 1, max = 40) List<Character> alphabet) throws IOException {
        StringBuilder text = new StringBuilder();
        for (char c : alphabet) {
            text.append(Character.isSurrogate(c) ? "😀" : String.valueOf(c));
        }
        String big = text.toString().repeat(TextPieces.MAX_BYTES / text.length() / 2 + 2);
        List<String> pieces = new ArrayList<>();
        TextPieces.read(Texts.document(big), InvalidUtf8.ERROR, pieces::add);
        assertThat(String.join("", pieces).equals(big)).isTrue();
    }

    @Test
    void heldOutFilesMayBeNamed() throws IOException {
        Path train = Texts.folder(folder.resolve("train"), files(12));
        Path valid = Texts.folder(folder.resolve("valid"), Map.of("v.java", "held out".getBytes(StandardCharsets.UTF_8), "v.txt",
                new byte[]{'x'}));
        try (Corpus corpus = Corpus.open(named(train, valid))) {
            assertThat(corpus.training()).hasSize(12);
            assertThat(text(corpus, corpus.heldOut())).isEqualTo("held out");
        }
        for (Path inside : List.of(train, train.resolve("d0"), folder)) {
            assertThatIllegalArgumentException().isThrownBy(() -> Corpus.open(named(train, inside)))
                    .withMessageContaining("files in common");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Corpus.open(named(train, folder.resolve("absent"))))
                .withMessageContaining("no such file");
    }

    private static Data named(Path train, Path heldOut) {
        return new Data(List.of(train.toString()), "**.java", 0.5, 0, InvalidUtf8.ERROR, 0, List.of(heldOut.toString()));
    }
}
