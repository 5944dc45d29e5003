/** File formats: GGUF, safetensors, tokenizers. */
module org.setun.formats {
    requires transitive org.setun.kernels;
    requires static transitive org.jspecify;
    requires com.fasterxml.jackson.databind;
}
