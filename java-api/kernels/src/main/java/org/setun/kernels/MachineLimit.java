package org.setun.kernels;

/** What {@link NativeBackend#measure} can find out about the machine ({@code setun/measure.h}). */
public enum MachineLimit {
    /** Reading the buffer: bytes per second, the median over windows of it, of the best {@link MemoryWalk} that reads. */
    READ,
    /** Copying half of the buffer onto the other half: bytes read and written per second, of the best {@link MemoryWalk} that copies. */
    COPY,
    /** fp32 multiply-adds per second of the backend's tier, in registers. */
    FMA_F32,
    /** int8 multiply-adds per second of the backend's tier, in registers. */
    DOT_INT8,
    /** bf16 multiply-adds per second of the backend's tier, in registers; those of fp32 where it has none. */
    DOT_BF16;

    /** The value of {@code SETUN_LIMIT_*}. */
    public int code() {
        return ordinal();
    }
}
