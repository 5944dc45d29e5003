import org.setun.openblas.OpenBlas;

/** fp32 matrix products by OpenBLAS. */
module org.setun.openblas {
    requires transitive org.setun.kernels;
    requires static transitive org.jspecify;
    requires org.bytedeco.javacpp;

    exports org.setun.openblas;

    provides org.setun.kernels.BlasProvider with OpenBlas;
}
