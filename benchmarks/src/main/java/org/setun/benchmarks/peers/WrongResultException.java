package org.setun.benchmarks.peers;

/** A side of a comparison does not compute the product; nothing of it is timed. */
final class WrongResultException extends RuntimeException {

    private static final long serialVersionUID = 1;

    WrongResultException(String message) {
        super(message);
    }
}
