package org.setun.formats.llama2c;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.setun.formats.FormatException;
import org.setun.formats.Hostile;
import org.setun.formats.tokenizer.SpmTokenizer;
import org.setun.formats.tokenizer.StreamingDecoder;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

class Llama2cTest {

    private static final String FOLDER = "models/stories260K/";

    private static final byte[] TOKENIZER = tokenizer();

    /** A model of dim 4, hidden 6, 2 layers, 2 heads, 1 kv head, 5 tokens, context 3. */
    static byte[] model(int version, boolean tied) {
        int norms = 4 * 2 * 2 + 4;
        int matrices = 5 * 4 + 2 * (16 + 8 + 8 + 16 + 3 * 24) + (tied ? 0 : 5 * 4);
        ByteBuffer out = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        if (version > 0) {
            out.putInt(0x616b3432).putInt(version);
        }
        out.putInt(4).putInt(6).putInt(2).putInt(2).putInt(1).putInt(version == 0 && !tied ? -5 : 5).putInt(3);
        if (version > 0) {
            out.put((byte) (tied ? 1 : 0));
        }
        if (version == 2) {
            out.putInt(2);
        }
        int start = version == 0 ? 28 : 256;
        int bytes = switch (version) {
            case 0 -> (norms + matrices + 3 * 2) * 4;
            case 1 -> (norms + matrices) * 4;
            default -> norms * 4 + matrices + matrices / 2 * 4;
        };
        return Arrays.copyOf(out.array(), start + bytes);
    }

    private static byte[] tokenizer() {
        ByteBuffer out = ByteBuffer.allocate(1 << 14).order(ByteOrder.LITTLE_ENDIAN).putInt(7);
        for (int id = 0; id < 265; id++) {
            String text = id < 3 ? "<" + id + ">" : id < 259 ? String.format("<0x%02X>", id - 3) : " abcdé".substring(id - 259, id - 258);
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            out.putFloat(-id).putInt(bytes.length).put(bytes);
        }
        return Arrays.copyOf(out.array(), out.position());
    }

    @Test
    void allThreeFormsOfARealModelHoldTheSame() throws IOException {
        try (Llama2cModel legacy = Llama2cModel.open(TestData.require(FOLDER + "stories260K.bin"));
                Llama2cModel v1 = Llama2cModel.open(TestData.require(FOLDER + "stories260K_v1_fp32.bin"));
                Llama2cModel v2 = Llama2cModel.open(TestData.require(FOLDER + "stories260K_v2_q8_0.bin"))) {
            assertThat(legacy.config()).isEqualTo(new Llama2cConfig(64, 172, 5, 8, 4, 512, 512, true)).isEqualTo(v1.config());
            assertThat(new int[]{legacy.version(), v1.version(), v2.version(), v2.groupSize()}).containsExactly(0, 1, 2, 8);
            assertThat(legacy.names()).hasSize(2 + 5 * 9).containsExactlyInAnyOrderElementsOf(v1.names())
                    .containsExactlyInAnyOrderElementsOf(v2.names());
            for (String name : legacy.names()) {
                float[] expected = legacy.floats(name);
                assertThat(v1.floats(name)).as(name).isEqualTo(expected);
                assertThat(v2.shape(name)).isEqualTo(legacy.shape(name));
                float[] rounded = v2.floats(name);
                float largest = 0;
                for (float value : expected) {
                    largest = Math.max(largest, Math.abs(value));
                }
                for (int i = 0; i < expected.length; i++) {
                    assertThat(rounded[i]).isCloseTo(expected[i], within(largest / 127));
                }
            }
            assertThat(legacy.shape("blk.0.attn_k.weight")).containsExactly(32, 64);
            assertThat(legacy.segment("output_norm.weight").byteSize()).isEqualTo(64 * 4);
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> v2.segment("blk.0.attn_k.weight"))
                    .withMessageContaining("int8");
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> v2.floats("nope")).withMessageContaining("'nope'");
        }
    }

    @Test
    void theTokenizerOfTheRealModel() throws IOException {
        SpmTokenizer tokenizer = Llama2cTokenizer.open(TestData.require(FOLDER + "tok512.bin"));
        assertThat(tokenizer.vocabSize()).isEqualTo(512);
        String story = Files.readString(TestData.require(FOLDER + "expected_greedy_200.txt"));
        int[] ids = tokenizer.encode(story, true);
        assertThat(ids[0]).isEqualTo(tokenizer.bos());
        assertThat(tokenizer.decode(ids)).isEqualTo(story);
        assertThat(tokenizer.encode("Once upon a time", true)).containsExactly(1, 403, 407, 261, 378);
        assertThat(tokenizer.decode(tokenizer.encode("ünïcode 🙂\n", true))).isEqualTo("ünïcode 🙂\n");
    }

    @Test
    void bytesFormCharactersAcrossTokens() {
        SpmTokenizer tokenizer = Llama2cTokenizer.of(MemorySegment.ofArray(TOKENIZER), "t.bin");
        int[] ids = tokenizer.encode("a🙂é", false);
        assertThat(ids).containsExactly(259, 260, 3 + 0xF0, 3 + 0x9F, 3 + 0x99, 3 + 0x82, 264);
        StreamingDecoder decoder = tokenizer.decoder();
        assertThat(Arrays.stream(ids).mapToObj(decoder::accept)).containsExactly("", "a", "", "", "", "🙂", "é");
        assertThat(decoder.finish()).isEmpty();
    }

    @Test
    void everyVersionIsReadAndNeedsItsExactSize() {
        for (int version = 0; version <= 2; version++) {
            for (boolean tied : new boolean[]{false, true}) {
                byte[] bytes = model(version, tied);
                Llama2cModel model = Llama2cModel.of(MemorySegment.ofArray(bytes), "m.bin");
                assertThat(model.names().contains("output.weight")).isEqualTo(!tied);
                assertThat(model.config().tiedHead()).isEqualTo(tied);
                assertThat(model.floats("blk.1.ffn_down.weight")).hasSize(24);
                for (byte[] wrong : new byte[][]{Arrays.copyOf(bytes, bytes.length - 1), Arrays.copyOf(bytes, bytes.length + 1),
                        Arrays.copyOf(bytes, 20), new byte[0]}) {
                    assertThatExceptionOfType(FormatException.class)
                            .isThrownBy(() -> Llama2cModel.of(MemorySegment.ofArray(wrong), "m.bin"))
                            .withMessageStartingWith("m.bin, byte ");
                }
            }
        }
    }

    @Property(tries = 10_000)
    void damageIsRefusedOrHarmless(@ForAll long seed) {
        Random random = new Random(seed);
        byte[] damaged = Hostile.damage(Arrays.copyOf(model(random.nextInt(3), random.nextBoolean()), 300), random);
        Hostile.check(damaged, data -> {
            Llama2cModel model = Llama2cModel.of(data, "damaged");
            model.names().forEach(model::floats);
        });
    }

    @Property(tries = 2_000)
    void damageOfATokenizerIsRefusedOrHarmless(@ForAll long seed) {
        Hostile.check(Hostile.damage(TOKENIZER, new Random(seed)), data -> Llama2cTokenizer.of(data, "damaged").encode("a cab", true));
    }
}
