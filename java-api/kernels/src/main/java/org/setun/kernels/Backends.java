package org.setun.kernels;

import java.lang.System.Logger.Level;
import org.setun.kernels.reference.ReferenceBackend;

/** Opens the backend that the system properties and the platform ask for. */
public final class Backends {

    /** {@code auto} (native, or the reference where there is no native library), {@code cpu} (native) or {@code reference}. */
    public static final String BACKEND_PROPERTY = "setun.backend";

    /** {@code true}: {@code auto} fails instead of falling back to the reference. */
    public static final String REQUIRED_PROPERTY = "setun.native.required";

    private static final System.Logger LOG = System.getLogger("org.setun.kernels");

    private Backends() {
    }

    /** Opens a backend with {@link BackendOptions#defaults()}. */
    public static Backend open() {
        return open(BackendOptions.defaults());
    }

    /**
     * Opens a backend and logs which one and why, in one line. The caller closes it.
     *
     * @param options of the native backend; the reference has none
     * @throws NativeLibraryException if the native library is needed but cannot be loaded
     */
    public static Backend open(BackendOptions options) {
        String choice = System.getProperty(BACKEND_PROPERTY, "auto");
        return switch (choice) {
            case "reference" -> logged(new ReferenceBackend(), "-D" + BACKEND_PROPERTY + "=reference");
            case "cpu" -> logged(NativeBackend.create(options), "-D" + BACKEND_PROPERTY + "=cpu");
            case "auto" -> automatic(options);
            default -> throw new IllegalArgumentException(BACKEND_PROPERTY + " = " + choice + " must be one of auto, cpu, reference");
        };
    }

    private static Backend automatic(BackendOptions options) {
        try {
            return logged(NativeBackend.create(options), "library " + NativeBackend.libraryFile());
        } catch (NativeLibraryException e) {
            if (Boolean.getBoolean(REQUIRED_PROPERTY)) {
                throw e;
            }
            Backend reference = new ReferenceBackend();
            LOG.log(Level.WARNING, "backend reference, pure Java and slow: {0}", e.getMessage());
            return reference;
        }
    }

    private static Backend logged(Backend backend, String why) {
        LOG.log(Level.INFO, "backend {0}: {1}", backend instanceof NativeBackend ? backend.toString() : backend.name(), why);
        return backend;
    }
}
