/** File formats: GGUF, safetensors, tokenizers, llama2.c checkpoints. */
module org.setun.formats {
    requires transitive org.setun.kernels;
    requires static transitive org.jspecify;
    requires com.fasterxml.jackson.databind;

    exports org.setun.formats;
    exports org.setun.formats.gguf;
    exports org.setun.formats.llama2c;
    exports org.setun.formats.safetensors;
    exports org.setun.formats.tokenizer;
}
