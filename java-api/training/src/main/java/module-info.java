/** Setun: training. */
module org.setun.training {
    requires transitive org.setun.quant;
    requires static transitive org.jspecify;
}
