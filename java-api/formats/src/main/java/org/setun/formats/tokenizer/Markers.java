package org.setun.formats.tokenizer;

/**
 * The ids with a role, {@link #NONE} where there is none, and which of them an encoding with specials adds.
 *
 * @param bos begin of text
 * @param eos end of text
 * @param unknown stands for what cannot be spelled
 * @param padding fills batches
 * @param addBos whether encoding with specials begins with {@code bos}
 * @param addEos whether encoding with specials ends with {@code eos}
 */
public record Markers(int bos, int eos, int unknown, int padding, boolean addBos, boolean addEos) {

    /** No such token. */
    public static final int NONE = -1;

    /** No markers at all. */
    public static final Markers ABSENT = new Markers(NONE, NONE, NONE, NONE, false, false);

    /** Checks that what is to be added exists. */
    public Markers {
        if (addBos && bos == NONE || addEos && eos == NONE) {
            throw new IllegalArgumentException("bos = " + bos + ", eos = " + eos + ": a marker that is to be added must exist");
        }
    }

    /** These markers in a vocabulary of {@code size} tokens. */
    Markers checked(int size) {
        for (int id : new int[]{bos, eos, unknown, padding}) {
            if (id < NONE || id >= size) {
                throw new IllegalArgumentException("marker id = " + id + ", allowed is " + NONE + " to " + (size - 1));
            }
        }
        return this;
    }
}
