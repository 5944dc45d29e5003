package org.setun.training;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Asks a loop to stop, from any thread. {@link #onInterrupt} ties it to Ctrl-C and SIGTERM: the JVM then waits until the loop has saved its
 * state and {@link #close} was called.
 */
public final class StopFlag implements AutoCloseable {

    private static final int WAIT_SECONDS = 60;

    private final CountDownLatch finished = new CountDownLatch(1);
    private volatile @Nullable String reason;
    private @Nullable Thread hook;

    /** A flag that is raised when the JVM is asked to end. Close it when the loop is over. */
    public static StopFlag onInterrupt() {
        StopFlag flag = new StopFlag();
        Thread hook = new Thread(() -> flag.raiseAndWait("interrupted"), "setun-interrupt");
        flag.hook = hook;
        Runtime.getRuntime().addShutdownHook(hook);
        return flag;
    }

    /** Asks for a stop; the first reason counts. */
    public synchronized void raise(String why) {
        if (reason == null) {
            reason = why;
        }
    }

    private void raiseAndWait(String why) {
        raise(why);
        try {
            finished.await(WAIT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Why to stop, or null to go on. */
    public @Nullable String reason() {
        return reason;
    }

    @Override
    public void close() {
        finished.countDown();
        Thread registered = hook;
        if (registered != null && Thread.currentThread() != registered) {
            try {
                Runtime.getRuntime().removeShutdownHook(registered);
            } catch (IllegalStateException e) {
                hook = null; // the JVM is ending: the hook runs and has been released
            }
        }
    }
}
