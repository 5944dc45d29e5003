/** Training: configuration, data, schedules, the loop, checkpoints. */
module org.setun.training {
    requires transitive org.setun.quant;
    requires static transitive org.jspecify;
    requires com.fasterxml.jackson.databind;
    requires com.fasterxml.jackson.dataformat.toml;

    exports org.setun.training;
    exports org.setun.training.callback;
    exports org.setun.training.checkpoint;
    exports org.setun.training.config;
    exports org.setun.training.data;
    exports org.setun.training.event;
    exports org.setun.training.lm;
    exports org.setun.training.loss;
    exports org.setun.training.metric;
    exports org.setun.training.mnist;
    exports org.setun.training.optimizer;
    exports org.setun.training.progressive;
    exports org.setun.training.schedule;
    exports org.setun.training.search;

    opens org.setun.training.checkpoint to com.fasterxml.jackson.databind;
    opens org.setun.training.search to com.fasterxml.jackson.databind;
}
