package org.setun.kernels;

/** The native library could not be loaded. The message lists the platform, every path tried with its cause, and the one thing to do. */
public final class NativeLibraryException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public NativeLibraryException(String message) {
        super(message);
    }
}
