package org.setun.training.data;

import java.nio.charset.CharacterCodingException;

/** A document that is not UTF-8: names it and the offset of the first malformed byte. */
public final class InvalidTextException extends CharacterCodingException {

    private static final long serialVersionUID = 1L;

    private final String text;

    InvalidTextException(String document, long offset) {
        text = document + ": not UTF-8 at byte " + offset + "; set data.invalid_utf8 to \"skip\" or \"replace\" to go on without it";
    }

    @Override
    public String getMessage() {
        return text;
    }
}
