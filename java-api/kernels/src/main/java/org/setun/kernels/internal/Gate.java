package org.setun.kernels.internal;

import java.util.concurrent.atomic.AtomicInteger;

/** Counts the calls in flight on a context, refuses a second caller where only one is served, and keeps memory from going under a call. */
final class Gate {

    private static final int EXCLUSIVE = -1;
    private static final int CLOSED = -2;

    private final boolean single;
    private final AtomicInteger state = new AtomicInteger();

    /** @param single true if one caller at a time is served */
    Gate(boolean single) {
        this.single = single;
    }

    void enter() {
        while (true) {
            int now = state.get();
            if (now == CLOSED) {
                throw closed();
            }
            if (now > 0 && single) {
                throw new IllegalStateException("another call is in flight: a backend with workers serves one caller at a time"
                        + " (open it with threads = 0 to call it from many threads)");
            }
            if (now >= 0 && state.compareAndSet(now, now + 1)) {
                return;
            }
            Thread.onSpinWait(); // exclusive sections are short
        }
    }

    void leave() {
        state.decrementAndGet();
    }

    /** Begins a section in which no call runs. */
    void lock() {
        while (!state.compareAndSet(0, EXCLUSIVE)) {
            int now = state.get();
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
        state.set(0);
    }

    /** Ends it, and every later call fails. */
    void unlockClosed() {
        state.set(CLOSED);
    }

    boolean isClosed() {
        return state.get() == CLOSED;
    }

    private static IllegalStateException closed() {
        return new IllegalStateException("the backend is closed");
    }
}
