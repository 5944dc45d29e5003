package org.setun.training.event;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SubmissionPublisher;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The events of one or more runs for monitors that must not hold up training: each subscriber gets them in order on a thread of its own. One that lags
 * behind by more than {@code capacity} events loses some, which {@link #dropped} counts; the loop never waits. Any thread may subscribe, at any time;
 * {@link #close} lets subscribers take what they have, then completes them; later events reach nobody.
 */
public final class EventStream implements TrainingListener, Flow.Publisher<TrainingEvent>, AutoCloseable {

    /** Events that a subscriber may lag behind, unless told otherwise. */
    public static final int DEFAULT_CAPACITY = 1024;

    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final SubmissionPublisher<TrainingEvent> publisher;
    private final AtomicLong dropped = new AtomicLong();

    public EventStream() {
        this(DEFAULT_CAPACITY);
    }

    /** {@code capacity} is rounded up to a power of two. */
    public EventStream(int capacity) {
        publisher = new SubmissionPublisher<>(threads, capacity);
    }

    @Override
    public void on(TrainingEvent event, Control control) {
        try {
            publisher.offer(event, (subscriber, lost) -> {
                dropped.incrementAndGet();
                return false; // do not try again
            });
        } catch (IllegalStateException | RejectedExecutionException e) {
            // closed, perhaps just now: nobody subscribes, and the loop goes on
        }
    }

    @Override
    public void subscribe(Flow.Subscriber<? super TrainingEvent> subscriber) {
        publisher.subscribe(subscriber);
    }

    /** Calls {@code monitor} for every event from now on; the result completes when the stream is closed, or with the monitor's exception. */
    public CompletableFuture<Void> subscribe(Consumer<? super TrainingEvent> monitor) {
        return publisher.consume(monitor);
    }

    /** Events that subscribers have lost, each subscriber's counted. */
    public long dropped() {
        return dropped.get();
    }

    @Override
    public void close() {
        publisher.close();
        threads.close();
    }
}
