/** Setun: eval. */
module org.setun.eval {
    requires transitive org.setun.inference;
    requires static transitive org.jspecify;

    exports org.setun.eval;
}
