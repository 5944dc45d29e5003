package org.setun.formats.tokenizer;

/** Text to token ids and back. Implementations are immutable and usable by all threads; a {@link StreamingDecoder} is not. */
public interface Tokenizer {

    /** The tokens and the ids with a role. */
    Vocabulary vocabulary();

    /**
     * The ids of {@code text}. Lone surrogates count as U+FFFD.
     *
     * @param addSpecial adds the begin and end markers that the vocabulary asks for
     * @param parseSpecial recognises control tokens written in the text; never do this with text from strangers
     */
    int[] encode(String text, boolean addSpecial, boolean parseSpecial);

    /**
     * The bytes that {@code id} stands for. Nothing for control and unused tokens; a token may end in the middle of a character.
     *
     * @throws IllegalArgumentException if there is no such id
     */
    byte[] bytes(int id);

    /** A new decoder for one stream of ids. */
    StreamingDecoder decoder();

    /** {@link #encode(String, boolean, boolean)} with or without all that is special. */
    default int[] encode(String text, boolean special) {
        return encode(text, special, special);
    }

    /** The text of {@code ids}; bytes that are no UTF-8 become U+FFFD. Nothing else is cleaned up. */
    default String decode(int... ids) {
        StreamingDecoder decoder = decoder();
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(decoder.accept(id));
        }
        return text.append(decoder.finish()).toString();
    }

    /** How many ids there are. */
    default int vocabSize() {
        return vocabulary().size();
    }

    /** The id that begins a text, or {@link Markers#NONE}. */
    default int bos() {
        return vocabulary().markers().bos();
    }

    /** The id that ends a text, or {@link Markers#NONE}. */
    default int eos() {
        return vocabulary().markers().eos();
    }
}
