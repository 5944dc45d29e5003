/** The setun command. */
module org.setun.cli {
    requires org.setun.inference;
    requires org.setun.training;
    requires org.setun.eval;
    requires org.setun.openblas;
    requires org.setun.formats;
    requires org.setun.quant;
    requires static org.jspecify;
    requires com.fasterxml.jackson.databind;
    requires info.picocli;
    requires me.tongfei.progressbar;
    requires xchart;
    requires java.logging;
    requires java.net.http;

    opens org.setun.cli to info.picocli;
}
