package org.setun.training.metric;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.setun.testsupport.TestData;
import org.setun.training.config.TrainingConfig.Data;
import org.setun.training.config.TrainingConfig.InvalidUtf8;
import org.setun.training.data.Corpus;
import org.setun.training.data.Texts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

class ByteNgramTest {

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** "aab" has counts a 2, b 1; one singleton and one doubleton: Y = 1/(1 + 2) is the discount of all. */
    @Test
    void orderOneIsAbsoluteDiscountingOverTheUniformDistribution() throws IOException {
        ByteNgram model = ByteNgram.train(1, List.of(Texts.document("aab")));
        double freed = 2.0 / 3 / 3;
        assertThat(model.probability(bytes(""), 'a')).isEqualTo((2 - 1.0 / 3) / 3 + freed / 256, within(1e-15));
        assertThat(model.probability(bytes(""), 'b')).isEqualTo((1 - 1.0 / 3) / 3 + freed / 256, within(1e-15));
        assertThat(model.probability(bytes(""), 'z')).isEqualTo(freed / 256, within(1e-15));
    }

    /**
     * "abab" has the bigrams 0a 1, ab 2, ba 1, so n1 = 2, n2 = 1 and D = Y = 2/4. Continuation counts: a follows {0, b}, b follows {a}:
     * 2 and 1, so n1 = n2 = 1, D = 1/3.
     */
    @Test
    void orderTwoUsesContinuationCountsBelow() throws IOException {
        ByteNgram model = ByteNgram.train(2, List.of(Texts.document("abab")));
        double unigramFreed = 2.0 / 3 / 3;
        double a = (2 - 1.0 / 3) / 3 + unigramFreed / 256;
        double b = (1 - 1.0 / 3) / 3 + unigramFreed / 256;
        assertThat(model.probability(bytes("a"), 'b')).isEqualTo((2 - 0.5) / 2 + 0.5 / 2 * b, within(1e-15));
        assertThat(model.probability(bytes("a"), 'a')).isEqualTo(0.5 / 2 * a, within(1e-15));
        assertThat(model.probability(bytes("xb"), 'a')).isEqualTo((1 - 0.5) / 1 + 0.5 / 1 * a, within(1e-15));
        assertThat(model.probability(bytes("x"), 'b')).as("an unseen context backs off").isEqualTo(b, within(1e-15));
        double bits = -(Math.log((1 - 0.5) + 0.5 * a) + Math.log((2 - 0.5) / 2 + 0.25 * b)) / Math.log(2) / 2;
        assertThat(model.bitsPerByte(List.of(Texts.document("ab")))).isEqualTo(bits, within(1e-12));
    }

    /** Counts 1, 2, 3, 4 once each: Y = 1/3, D1 = 1 - 2/3, D2 = 2 - 1, D3+ = 3 - 4/3. */
    @Test
    void threeDiscountsWhereTheCountsAllowThem() throws IOException {
        ByteNgram model = ByteNgram.train(1, List.of(Texts.document("abbcccdddd")));
        double freed = (1.0 / 3 + 1 + 5.0 / 3 * 2) / 10;
        assertThat(model.probability(bytes(""), 'a')).isEqualTo((1 - 1.0 / 3) / 10 + freed / 256, within(1e-15));
        assertThat(model.probability(bytes(""), 'b')).isEqualTo((2 - 1.0) / 10 + freed / 256, within(1e-15));
        assertThat(model.probability(bytes(""), 'd')).isEqualTo((4 - 5.0 / 3) / 10 + freed / 256, within(1e-15));
    }

    @Property(tries = 200)
    void probabilitiesSumToOne(@ForAll @IntRange(min = 1, max = 7) int order,
            @ForAll @Size(min = 1, max = 3) List<@StringLength(max = 60) String> texts, @ForAll @StringLength(max = 8) String context)
            throws IOException {
        if (texts.stream().allMatch(String::isEmpty)) {
            return;
        }
        ByteNgram model = ByteNgram.train(order, texts.stream().map(Texts::document).toList());
        double sum = 0;
        for (int next = 0; next < 256; next++) {
            double p = model.probability(context.getBytes(StandardCharsets.UTF_8), next);
            assertThat(p).isPositive();
            sum += p;
        }
        assertThat(sum).isEqualTo(1, within(1e-12));
    }

    @Test
    void higherOrdersPredictRealTextBetter() throws IOException {
        Path file = TestData.require("text/tinyshakespeare/input.txt");
        try (Corpus corpus = Corpus.open(new Data(List.of(file.toString()), "**", 0.1, 0, InvalidUtf8.ERROR, 0, List.of()))) {
            double one = ByteNgram.train(1, corpus.training()).bitsPerByte(corpus.heldOut());
            double five = ByteNgram.train(5, corpus.training()).bitsPerByte(corpus.heldOut());
            assertThat(one).isBetween(4.5, 5.0);
            assertThat(five).isBetween(1.9, 2.4);
        }
    }

    @Test
    void ordersOutsideTheRangeAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> ByteNgram.train(8, List.of())).withMessageContaining("order: 8");
    }

    @Test
    void javaSourceNeedsAboutOneAndAHalfBitsPerByte() throws IOException {
        Path source = Path.of(System.getProperty("java.home"), "lib", "src.zip");
        Assumptions.assumeTrue(Files.exists(source), "the JDK has no src.zip");
        try (Corpus corpus = Corpus
                .open(new Data(List.of(source.toString()), "java.base/java/**.java", 0.05, 4_000_000, InvalidUtf8.SKIP, 0, List.of()))) {
            double bits = ByteNgram.train(5, corpus.training()).bitsPerByte(corpus.heldOut());
            System.out.printf("order-5 byte n-gram on %d bytes of Java source: %.3f bits per byte%n", corpus.trainingBytes(), bits);
            assertThat(bits).isBetween(1.1, 2.2);
        }
    }
}
