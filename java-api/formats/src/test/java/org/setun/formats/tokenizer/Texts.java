package org.setun.formats.tokenizer;

import java.util.Random;

/** Texts that make tokenizers stumble. */
final class Texts {

    /** A small corpus with words, code, digits and several scripts. */
    static final String CORPUS = """
            The quick brown fox jumps over the lazy dog. The dog doesn't mind; it's used to it, and they've seen 1000 foxes.
            for (int i = 0; i < values.length; i++) {
                total += values[i];   // sum
            }
            Grüße aus Köln, naïve café. Привет, мир! 你好，世界。 こんにちは 안녕하세요 مرحبا بالعالم 🙂🚀👍
            """.repeat(20);

    private static final String[] PIECES = {
            " ", "  ", "\n", "\r\n", "\t", " \n ", "'s", "'LL", "don't", "1", "12345", "٣½", "the", " The", "übergroß", "naïve",
            "e\u0301", "\u00a0", "\u3000", "\u200b", "…", "!?", "<|endoftext|>", "<tool>", "<unused0>", "\u0000", "🙂", "👩\u200d💻",
            "日本語", "привет", "\ufffd", "{\"k\": 1}", "_", "$", "x=", "ſ", "İ", "ß"};

    private Texts() {
    }

    /** A mixture of awkward pieces and random characters of scripts that have long been in Unicode. */
    static String random(Random random) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(20); i > 0; i--) {
            if (random.nextInt(4) > 0) {
                text.append(PIECES[random.nextInt(PIECES.length)]);
            } else {
                text.appendCodePoint(character(random));
            }
        }
        return text.toString();
    }

    private static int character(Random random) {
        while (true) {
            int c = switch (random.nextInt(4)) {
                case 0 -> random.nextInt(0x80);
                case 1 -> random.nextInt(0x600);
                case 2 -> random.nextInt(0xD800);
                default -> 0x1F300 + random.nextInt(0x100);
            };
            if (Character.isDefined(c)) {
                return c;
            }
        }
    }
}
