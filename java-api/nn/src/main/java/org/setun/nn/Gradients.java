package org.setun.nn;

import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;

/**
 * The gradients of a tape: which tensors want one, and what has been summed for them so far. A gradient that passes unchanged to several
 * tensors is one piece of memory with several holders; it is written to only while it has one.
 */
final class Gradients {

    /** A gradient on its way. */
    private static final class Entry {
        final Tensor tensor;
        /** False for memory that the tape must neither write to nor recycle. */
        final boolean borrowed;
        int holders;
        boolean watched;

        Entry(Tensor tensor, boolean borrowed) {
            this.tensor = tensor;
            this.borrowed = borrowed;
        }

        boolean isExclusive() {
            return borrowed && holders <= 1;
        }
    }

    /** A tensor that wants a gradient. */
    private static final class Slot {
        @Nullable
        Entry entry;
        boolean watched;
    }

    private final Backend backend;
    private final Recycler recycler;
    private final Map<Tensor, Slot> slots = new IdentityHashMap<>();
    private final Map<Tensor, Entry> entries = new IdentityHashMap<>(); // by gradient

    Gradients(Backend backend, Recycler recycler) {
        this.backend = backend;
        this.recycler = recycler;
    }

    void want(Tensor tensor) {
        slots.computeIfAbsent(tensor, key -> new Slot());
    }

    void watch(Tensor tensor) {
        slots.computeIfAbsent(tensor, key -> new Slot()).watched = true;
    }

    boolean isWanted(Tensor tensor) {
        return tensor.parameter() != null || slots.containsKey(tensor);
    }

    @Nullable
    Tensor of(Tensor tensor) {
        Slot slot = slots.get(tensor);
        return slot == null || slot.entry == null ? null : slot.entry.tensor;
    }

    /** Adds {@code gradient} to that of {@code target}, which is wanted. */
    void add(Tensor target, Tensor gradient) {
        Parameter parameter = target.parameter();
        if (parameter != null) {
            backend.axpby(1, gradient.segment(), parameter.hasGradient() ? 1 : 0, parameter.gradientForWriting().segment(),
                    gradient.size());
            parameter.markGradient();
            return;
        }
        if (recycler.isViewOfLent(gradient)) {
            Tensor copy = copy(gradient);
            add(target, copy);
            giveBackUnheld(copy);
            return;
        }
        Slot slot = slots.get(target);
        Entry added = entries.get(gradient);
        if (added == null) {
            added = new Entry(gradient, recycler.isLent(gradient));
        }
        Entry old = slot.entry;
        if (old == null) {
            hold(slot, added);
        } else if (old.isExclusive()) {
            addInto(old.tensor, gradient);
        } else if (added.borrowed && added.holders == 0) {
            addInto(gradient, old.tensor);
            drop(slot);
            hold(slot, added);
        } else {
            Entry sum = new Entry(copy(old.tensor), true);
            addInto(sum.tensor, gradient);
            drop(slot);
            hold(slot, sum);
        }
    }

    /** The place where the gradient of {@code target}, which is wanted, is summed. */
    FunctionContext.Sink sink(Tensor target) {
        Parameter parameter = target.parameter();
        if (parameter != null) {
            boolean accumulate = parameter.hasGradient();
            parameter.markGradient();
            return new FunctionContext.Sink(parameter.gradientForWriting(), accumulate);
        }
        Slot slot = slots.get(target);
        if (slot == null) {
            throw new IllegalStateException("nobody wants the gradient of " + target + ": ask needsGradient first");
        }
        Entry old = slot.entry;
        if (old != null && old.isExclusive()) {
            return new FunctionContext.Sink(old.tensor, true);
        }
        Entry fresh = new Entry(old == null ? recycler.borrow(DType.F32, target.shape()) : copy(old.tensor), true);
        drop(slot);
        hold(slot, fresh);
        return new FunctionContext.Sink(fresh.tensor, old != null);
    }

    /** {@code gradient} if it may be overwritten, else a borrowed copy. */
    Tensor exclusive(Tensor gradient) {
        Entry entry = entries.get(gradient);
        return entry != null && entry.isExclusive() && !entry.watched ? gradient : copy(gradient);
    }

    /** Gives back a gradient that was returned by a function and that nobody holds. */
    void giveBackUnheld(Tensor gradient) {
        if (recycler.isLent(gradient) && !entries.containsKey(gradient)) {
            recycler.giveBack(gradient);
        }
    }

    /** Says that nobody will ask for the gradient of {@code tensor} any more, unless it is watched. */
    void finish(Tensor tensor) {
        Slot slot = slots.get(tensor);
        if (slot != null && !slot.watched) {
            drop(slot);
            slots.remove(tensor);
        }
    }

    void forget() {
        slots.clear();
        entries.clear();
    }

    private Tensor copy(Tensor tensor) {
        Tensor copy = recycler.borrow(DType.F32, tensor.shape());
        backend.axpby(1, tensor.segment(), 0, copy.segment(), tensor.size());
        return copy;
    }

    private void addInto(Tensor sum, Tensor added) {
        backend.axpby(1, added.segment(), 1, sum.segment(), sum.size());
    }

    private void hold(Slot slot, Entry entry) {
        slot.entry = entry;
        entry.holders++;
        entry.watched |= slot.watched;
        entries.put(entry.tensor, entry);
    }

    private void drop(Slot slot) {
        Entry entry = slot.entry;
        slot.entry = null;
        if (entry != null && --entry.holders == 0) {
            entries.remove(entry.tensor);
            if (entry.borrowed) {
                recycler.giveBack(entry.tensor);
            }
        }
    }
}
