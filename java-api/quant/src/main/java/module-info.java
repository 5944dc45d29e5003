/** Quantizers with their gradient estimators. */
module org.setun.quant {
    requires transitive org.setun.nn;
    requires transitive org.setun.formats;
    requires static transitive org.jspecify;
    requires com.fasterxml.jackson.databind;
    requires org.tukaani.xz;

    exports org.setun.quant;
    exports org.setun.quant.activation;
    exports org.setun.quant.budget;
    exports org.setun.quant.calibration;
    exports org.setun.quant.export;
    exports org.setun.quant.format;
    exports org.setun.quant.incoherence;
    exports org.setun.quant.lattice;
    exports org.setun.quant.model;
    exports org.setun.quant.pi;
    exports org.setun.quant.ptq;
    exports org.setun.quant.ptq.input;
    exports org.setun.quant.qat;
    exports org.setun.quant.rounding;

    opens org.setun.quant.calibration to com.fasterxml.jackson.databind;
}
