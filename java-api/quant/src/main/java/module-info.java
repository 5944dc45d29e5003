/** Quantizers with their gradient estimators. */
module org.setun.quant {
    requires transitive org.setun.nn;
    requires transitive org.setun.formats;
    requires static transitive org.jspecify;

    exports org.setun.quant;
    exports org.setun.quant.calibration;
    exports org.setun.quant.export;
    exports org.setun.quant.budget;
    exports org.setun.quant.format;
    exports org.setun.quant.rounding;
    exports org.setun.quant.pi;
}
