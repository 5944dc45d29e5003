package org.setun.training.loss;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.nn.DType;
import org.setun.nn.Tensor;
import org.setun.training.loss.TopKFile.Origin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TopKFileTest {

    private static final String TEACHER = "ab".repeat(32);
    private static final String TEXT = "0c".repeat(32);
    private static final int ROWS = 5;

    @TempDir
    Path folder;
    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private static Origin origin(long vocabulary) {
        return new Origin(2, vocabulary, ROWS, 1.5f, 16, TEACHER, TEXT);
    }

    private Path write(long vocabulary) throws IOException {
        Path file = folder.resolve("teacher.topk");
        TopKFile.write(file, origin(vocabulary), sink -> {
            for (int i = 0; i < ROWS; i++) {
                sink.accept(new int[]{i, (int) vocabulary - 1}, new float[]{(float) Math.log(0.5), (float) Math.log(0.25)}, 0.25f);
            }
        });
        return file;
    }

    private int[] ids(Path file, Origin origin) throws IOException {
        Tensor ids = Tensor.allocate(pool, DType.I32, ROWS, 2);
        Tensor logs = Tensor.allocate(pool, DType.F32, ROWS, 2);
        Tensor rest = Tensor.allocate(pool, DType.F32, ROWS);
        try (TopKFile open = TopKFile.open(file, origin)) {
            open.read(0, 2, 3, ids, logs, rest);
            open.read(2, 3, 0, ids, logs, rest);
            assertThat(rest.toArray()).containsOnly(0.25f);
            assertThat(logs.toArray()[8]).isEqualTo((float) Math.log(0.5));
            assertThatThrownBy(() -> open.read(3, 3, 0, ids, logs, rest)).isInstanceOf(IndexOutOfBoundsException.class);
            return ids.toIntArray();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {7, 65536, 65537})
    void whatIsWrittenIsRead(long vocabulary) throws IOException {
        int last = (int) vocabulary - 1;
        assertThat(ids(write(vocabulary), origin(vocabulary))).containsExactly(2, last, 3, last, 4, last, 0, last, 1, last);
    }

    @Test
    void everyFlippedBitIsFound() throws IOException {
        Path file = write(7);
        byte[] good = Files.readAllBytes(file);
        for (int i = 0; i < good.length; i++) {
            byte[] bad = good.clone();
            bad[i] ^= (byte) (1 << i % 8);
            Files.write(file, bad);
            assertThatThrownBy(() -> TopKFile.open(file, origin(7)).close()).as("byte %d", i).isInstanceOf(FormatException.class)
                    .hasMessageContaining("teacher.topk");
        }
        for (int length : new int[]{0, 50, good.length - 1}) {
            Files.write(file, Arrays.copyOf(good, length));
            assertThatThrownBy(() -> TopKFile.open(file, origin(7)).close()).as("%d bytes", length).isInstanceOf(FormatException.class);
        }
    }

    @Test
    void whatItWasMadeFromIsChecked() throws IOException {
        Path file = write(7);
        Origin[] others = {new Origin(3, 7, ROWS, 1.5f, 16, TEACHER, TEXT), new Origin(2, 8, ROWS, 1.5f, 16, TEACHER, TEXT),
                new Origin(2, 7, ROWS + 1, 1.5f, 16, TEACHER, TEXT), new Origin(2, 7, ROWS, 2, 16, TEACHER, TEXT),
                new Origin(2, 7, ROWS, 1.5f, 32, TEACHER, TEXT), new Origin(2, 7, ROWS, 1.5f, 16, TEXT, TEXT),
                new Origin(2, 7, ROWS, 1.5f, 16, TEACHER, TEACHER)};
        String[] fields = {"k: 2", "vocabulary: 7", "positions: 5", "temperature: 1.5", "context: 16", "SHA-256 of the teacher: abab",
                "SHA-256 of the text: 0c0c"};
        for (int i = 0; i < others.length; i++) {
            Origin other = others[i];
            assertThatThrownBy(() -> TopKFile.open(file, other)).isInstanceOf(FormatException.class).hasMessageContaining(fields[i])
                    .hasMessageContaining("this run needs");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new Origin(8, 7, 1, 1, 1, TEACHER, TEXT));
    }

    /** Rows with right checksums that no teacher writes. Offsets within a row: ids at 0 and 2, logarithms at 4 and 8, the rest at 12. */
    @ParameterizedTest
    @CsvSource({"0, 6, 2, token id: 6", "2, 9, 2, token id: 9", "4, 0.5, 4, logarithm: 0.5", "4, NaN, 4, logarithm: NaN",
            "12, -0.5, 4, rest: -0.5", "12, 2, 4, rest: 2.0", "12, NaN, 4, rest: NaN", "12, 0.5, 4, add up to 1.2", "4, -9, 4, add up to"})
    void rowsThatCannotBeAreRefused(int offset, float value, int width, String message) throws IOException {
        Path file = write(7);
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int at = TopKFile.HEADER_BYTES + offset;
        if (width == 2) {
            bytes.putShort(at, (short) value);
        } else {
            bytes.putFloat(at, value);
        }
        CRC32C rows = new CRC32C();
        rows.update(bytes.array(), TopKFile.HEADER_BYTES, bytes.capacity() - TopKFile.HEADER_BYTES);
        bytes.putInt(TopKFile.HEADER_BYTES - 8, (int) rows.getValue());
        CRC32C header = new CRC32C();
        header.update(bytes.array(), 0, TopKFile.HEADER_BYTES - 4);
        bytes.putInt(TopKFile.HEADER_BYTES - 4, (int) header.getValue());
        Files.write(file, bytes.array());
        assertThatThrownBy(() -> ids(file, origin(7))).isInstanceOf(FormatException.class).hasMessageContaining(message);
    }

    @Test
    void aWriteThatFailsLeavesTheOldFile() throws IOException {
        Path file = write(7);
        byte[] good = Files.readAllBytes(file);
        assertThatIllegalStateException()
                .isThrownBy(() -> TopKFile.write(file, origin(7), sink -> sink.accept(new int[2], new float[2], 0)))
                .withMessageContaining("1 rows, must be 5");
        assertThat(file).hasBinaryContent(good);
    }
}
