package org.setun.training.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TokenDatasetTest {

    private static final byte[] HASH = new byte[32];

    @TempDir
    Path folder;

    private TokenFile tokens(int count, long vocabulary) throws IOException {
        Path file = folder.resolve("t" + count + ".tokens");
        TokenFile.write(file, vocabulary, HASH, sink -> sink.accept(IntStream.range(0, count).toArray(), 3L * count));
        return TokenFile.open(file, HASH);
    }

    @ParameterizedTest
    @ValueSource(longs = {60_000, 65_536, 65_537, 1 << 20})
    void idsComeBackInEitherWidth(long vocabulary) throws IOException {
        Path file = folder.resolve("a.tokens");
        int[] ids = {0, 1, (int) vocabulary - 1, 300, 59_999};
        TokenFile.write(file, vocabulary, HASH, sink -> {
            sink.accept(Arrays.copyOf(ids, 2), 5);
            sink.accept(Arrays.copyOfRange(ids, 2, 5), 6);
        });
        try (TokenFile tokens = TokenFile.open(file, HASH); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(20);
            tokens.copy(0, 5, out, 0);
            assertThat(out.toArray(ValueLayout.JAVA_INT)).containsExactly(ids);
            assertThat(tokens.textBytes()).isEqualTo(11);
            assertThat(Files.size(file)).isEqualTo(TokenFile.HEADER_BYTES + 5L * (vocabulary <= 65_536 ? 2 : 4));
        }
    }

    @Test
    void manyIdsCrossTheWriteBuffer() throws IOException {
        try (TokenFile tokens = tokens(200_000, 200_000); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(8);
            tokens.copy(131_071, 2, out, 0);
            assertThat(out.toArray(ValueLayout.JAVA_INT)).containsExactly(131_071, 131_072);
        }
    }

    @Test
    void everyFlippedByteAndEveryTruncationIsFound() throws IOException {
        Path file = folder.resolve("a.tokens");
        TokenFile.write(file, 100, HASH, sink -> sink.accept(IntStream.range(0, 50).toArray(), 50));
        byte[] good = Files.readAllBytes(file);
        for (int i = 0; i < good.length; i++) {
            byte[] bad = good.clone();
            bad[i] ^= 0x10;
            Files.write(file, bad);
            assertThatThrownBy(() -> TokenFile.open(file, HASH)).as("byte %d", i).isInstanceOf(FormatException.class)
                    .hasMessageContaining("a.tokens");
            Files.write(file, Arrays.copyOf(good, i));
            assertThatThrownBy(() -> TokenFile.open(file, HASH)).as("length %d", i).isInstanceOf(FormatException.class);
        }
    }

    @Test
    void anotherTokenizersFileIsRefused() throws IOException {
        Path file = folder.resolve("a.tokens");
        TokenFile.write(file, 100, HASH, sink -> sink.accept(new int[]{1}, 1));
        byte[] other = new byte[32];
        other[3] = 1;
        assertThatThrownBy(() -> TokenFile.open(file, other)).isInstanceOf(FormatException.class).hasMessageContaining("another tokenizer");
    }

    @Test
    void idsOutsideTheVocabularyAreNotWrittenAndTheOldFileStays() throws IOException {
        Path file = folder.resolve("a.tokens");
        TokenFile.write(file, 100, HASH, sink -> sink.accept(new int[]{1, 2}, 2));
        assertThatIllegalArgumentException().isThrownBy(() -> TokenFile.write(file, 100, HASH, sink -> sink.accept(new int[]{100}, 1)))
                .withMessageContaining("token id: 100");
        try (TokenFile tokens = TokenFile.open(file, HASH)) {
            assertThat(tokens.count()).isEqualTo(2);
        }
    }

    @Test
    void anEpochVisitsEveryWindowOnceAndTargetsFollowIds() throws IOException {
        try (TokenFile tokens = tokens(1003, 2000); Arena arena = Arena.ofConfined()) {
            TokenDataset data = new TokenDataset(tokens, 10, 5);
            MemorySegment ids = arena.allocate(40);
            MemorySegment targets = arena.allocate(40);
            for (int epoch = 0; epoch < 3; epoch++) {
                Set<Integer> starts = new HashSet<>();
                for (int i = 0; i < data.windows(); i++) {
                    data.training(epoch * data.windows() + i, 1, ids, targets);
                    int[] x = ids.toArray(ValueLayout.JAVA_INT);
                    int[] y = targets.toArray(ValueLayout.JAVA_INT);
                    for (int j = 0; j < 10; j++) {
                        assertThat(x[j]).isEqualTo(x[0] + j);
                        assertThat(y[j]).isEqualTo(x[j] + 1);
                    }
                    starts.add(x[0]);
                }
                assertThat(starts).hasSize((int) data.windows()).hasSizeGreaterThanOrEqualTo(98);
                assertThat(starts.stream().map(s -> s % 10).distinct()).as("windows do not overlap").hasSize(1);
            }
        }
    }

    @Test
    void theOrderDependsOnSeedAndEpochAloneAndABatchIsItsSamples() throws IOException {
        try (TokenFile tokens = tokens(1003, 2000); Arena arena = Arena.ofConfined()) {
            TokenDataset data = new TokenDataset(tokens, 10, 5);
            MemorySegment one = arena.allocate(40);
            MemorySegment targets = arena.allocate(40 * 8);
            MemorySegment batch = arena.allocate(40 * 8);
            long first = data.windows() - 3;
            new TokenDataset(tokens, 10, 5).training(first, 8, batch, targets);
            for (int i = 0; i < 8; i++) {
                data.training(first + i, 1, one, targets);
                assertThat(one.mismatch(batch.asSlice(40L * i, 40))).isEqualTo(-1);
            }
            data.training(0, 8, batch, targets);
            int[] epoch0 = batch.toArray(ValueLayout.JAVA_INT);
            data.training(data.windows(), 8, batch, targets);
            assertThat(batch.toArray(ValueLayout.JAVA_INT)).isNotEqualTo(epoch0);
            new TokenDataset(tokens, 10, 6).training(0, 8, batch, targets);
            assertThat(batch.toArray(ValueLayout.JAVA_INT)).isNotEqualTo(epoch0);
        }
    }

    @Test
    void evaluationCoversEachTokenOnceAndPadsTheEnd() throws IOException {
        try (TokenFile tokens = tokens(25, 100); Arena arena = Arena.ofConfined()) {
            TokenDataset data = new TokenDataset(tokens, 10, 0);
            assertThat(data.evaluationWindows()).isEqualTo(3);
            MemorySegment ids = arena.allocate(160);
            MemorySegment targets = arena.allocate(160);
            data.evaluation(1, 2, 1, ids, targets);
            assertThat(targets.get(ValueLayout.JAVA_INT, 0)).as("a stride starts where it should").isEqualTo(11);
            data.evaluation(0, 1, 4, ids, targets);
            int[] y = targets.toArray(ValueLayout.JAVA_INT);
            assertThat(Arrays.stream(y).filter(t -> t >= 0).toArray()).containsExactly(IntStream.rangeClosed(1, 24).toArray());
            assertThat(Arrays.stream(y).filter(t -> t < 0)).hasSize(16).containsOnly(-1);
        }
    }

    @Test
    void aCorpusShorterThanTheContextIsRefused() throws IOException {
        try (TokenFile tokens = tokens(10, 100)) {
            assertThatIllegalArgumentException().isThrownBy(() -> new TokenDataset(tokens, 10, 0))
                    .withMessageContaining("corpus of 10 tokens is shorter than the context of 10 plus 1");
            assertThat(new TokenDataset(tokens, 9, 0).windows()).isEqualTo(1);
        }
    }

    @Property(tries = 300)
    void permutationsAreBijections(@ForAll @IntRange(min = 1, max = 3000) int n, @ForAll long seed) {
        Permutation order = new Permutation(n, seed);
        boolean[] seen = new boolean[n];
        for (int i = 0; i < n; i++) {
            int item = (int) order.at(i);
            assertThat(seen[item]).isFalse();
            seen[item] = true;
        }
    }

    @Property
    void hugePermutationsStayInRange(@ForAll @LongRange(min = 1, max = 1L << 62) long n, @ForAll @LongRange(min = 0) long index) {
        assertThat(new Permutation(n, 3).at(index % n)).isBetween(0L, n - 1);
    }
}
