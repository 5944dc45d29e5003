package org.setun.kernels.internal;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts the calls in flight on a context, refuses a second caller where only one is served, and keeps the context and its slabs from going
 * under a call. Segments of other arenas are not its own: their arena must not be closed by another thread while a call runs.
 */
final class Gate extends AtomicInteger {

    private static final long serialVersionUID = 1;

    private static final int EXCLUSIVE = -1;
    private static final int CLOSED = -2;

    private final boolean single;

    /** @param single true if one caller at a time is served */
    Gate(boolean single) {
        this.single = single;
    }

    void enter() {
        while (true) {
            int now = get();
            if (now == CLOSED) {
                throw closed();
            }
            if (now > 0 && single) {
                throw new IllegalStateException("another call is in flight: a backend with workers serves one caller at a time"
                        + " (open it with threads = 0 to call it from many threads)");
            }
            if (now >= 0 && compareAndSet(now, now + 1)) {
                return;
            }
            Thread.onSpinWait(); // exclusive sections are short
        }
    }

    void leave() {
        decrementAndGet();
    }

    /** Begins a section in which no call runs. */
    void lock() {
        while (!compareAndSet(0, EXCLUSIVE)) {
            int now = get();
            if (now == CLOSED) {
                throw closed();
            }
            if (now > 0) {
                throw new IllegalStateException("a call is in flight on the backend");
            }
            Thread.onSpinWait();
        }
    }

    /** Ends it. */
    void unlock() {
        set(0);
    }

    /** Ends it, and every later call fails. */
    void unlockClosed() {
        set(CLOSED);
    }

    boolean isClosed() {
        return get() == CLOSED;
    }

    private static IllegalStateException closed() {
        return new IllegalStateException("the backend is closed");
    }
}
