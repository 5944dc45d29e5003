/** Networks: tensors, tape, layers, models, and the quantizer interfaces. */
module org.setun.nn {
    requires transitive org.setun.kernels;
    requires static transitive org.jspecify;

    exports org.setun.nn;
    exports org.setun.nn.function;
}
