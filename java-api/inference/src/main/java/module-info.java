/** Setun: inference. */
module org.setun.inference {
    requires transitive org.setun.quant;
    requires static transitive org.jspecify;

    exports org.setun.inference;
}
