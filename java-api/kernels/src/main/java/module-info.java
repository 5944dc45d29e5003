/** Kernels, backends and memory pools. */
module org.setun.kernels {
    requires static org.jspecify;

    uses org.setun.kernels.BlasProvider;

    exports org.setun.kernels;
    exports org.setun.kernels.reference;
}
