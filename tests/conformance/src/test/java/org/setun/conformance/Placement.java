package org.setun.conformance;

/** Where an operand lies between two guard pages. */
enum Placement {
    /** At the first byte: reading before it faults. */
    FIRST(0),
    /** Up to the last byte: reading behind it faults; the start is aligned to the element alone. */
    LAST(0),
    /** One element behind the start of a page, the bytes around it watched. */
    SHIFTED(1),
    /** Nine elements behind the start of a page. */
    SHIFTED_MORE(9);

    private final int elements;

    Placement(int elements) {
        this.elements = elements;
    }

    /** Elements that the operand is shifted by, if it is shifted. */
    int elements() {
        return elements;
    }
}
