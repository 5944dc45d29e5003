/** Setun: nn. */
module org.setun.nn {
    requires transitive org.setun.kernels;
    requires static transitive org.jspecify;
}
