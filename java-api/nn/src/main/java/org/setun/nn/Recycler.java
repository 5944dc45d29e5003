package org.setun.nn;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import org.setun.kernels.Allocator;
import org.setun.kernels.Buffer;

/**
 * Memory that lives shorter than a step: scratch and activation gradients. Buffers come from the workspace and return to a list per size,
 * so that a backward pass runs in a few buffers that stay in the cache.
 */
final class Recycler {

    private final Allocator allocator;
    private final Map<Long, ArrayDeque<Buffer>> free = new HashMap<>();
    private final Set<Tensor> lent = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Set<Buffer> lentBuffers = Collections.newSetFromMap(new IdentityHashMap<>());

    Recycler(Allocator allocator) {
        this.allocator = allocator;
    }

    Tensor borrow(DType type, Shape shape) {
        long bytes = type.bytes(shape.rows(), shape.columns());
        ArrayDeque<Buffer> sameSize = free.get(bytes);
        Buffer buffer = sameSize == null || sameSize.isEmpty() ? allocator.allocate(bytes) : sameSize.pop();
        Tensor tensor = Tensor.of(buffer, 0, type, shape);
        lent.add(tensor);
        lentBuffers.add(buffer);
        return tensor;
    }

    boolean isLent(Tensor tensor) {
        return lent.contains(tensor);
    }

    /** True for another tensor over memory that is lent: a view, which does not keep that memory from being lent again. */
    boolean isViewOfLent(Tensor tensor) {
        return !isLent(tensor) && lentBuffers.contains(tensor.buffer());
    }

    void giveBack(Tensor tensor) {
        if (!lent.remove(tensor)) {
            throw new IllegalArgumentException(tensor + " was not borrowed, or was given back before");
        }
        lentBuffers.remove(tensor.buffer());
        free.computeIfAbsent(tensor.byteSize(), size -> new ArrayDeque<>()).push(tensor.buffer());
    }

    /** Forgets all buffers: their workspace is released. */
    void forget() {
        free.clear();
        lent.clear();
        lentBuffers.clear();
    }
}
