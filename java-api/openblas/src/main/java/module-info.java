/** Setun: openblas. */
module org.setun.openblas {
    requires transitive org.setun.kernels;
    requires static transitive org.jspecify;
}
