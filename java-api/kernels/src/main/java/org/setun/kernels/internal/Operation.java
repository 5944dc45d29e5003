package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;

/**
 * A function {@code setun_status name(setun_context *, const descriptor *)}; {@link NativeContext#call} calls it.
 *
 * @param function its address
 */
record Operation(MemorySegment function) {
}
