package org.setun.formats.tokenizer;

import java.util.Optional;

/** What a token is, as {@code tokenizer.ggml.token_type} numbers it. */
public enum TokenKind {
    /** Ordinary text. */
    NORMAL(1),
    /** Stands for what the vocabulary cannot spell; matched in text like {@link #CONTROL}. */
    UNKNOWN(2),
    /** A marker such as begin of text: matched in text only when specials are asked for, and decoded to nothing. */
    CONTROL(3),
    /** Added text, matched in every text before anything else. */
    USER_DEFINED(4),
    /** A reserved place, never produced. */
    UNUSED(5),
    /** One raw byte, written {@code <0xNN>}. */
    BYTE(6);

    private final int id;

    TokenKind(int id) {
        this.id = id;
    }

    /** The number in a file. */
    public int id() {
        return id;
    }

    /** The kind of a number in a file; empty if there is none. */
    public static Optional<TokenKind> of(long id) {
        return id >= 1 && id <= 6 ? Optional.of(values()[(int) id - 1]) : Optional.empty();
    }
}
