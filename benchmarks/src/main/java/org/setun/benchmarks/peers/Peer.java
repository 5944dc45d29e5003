package org.setun.benchmarks.peers;

/** The libraries that ours is compared with. All three carry ggml, each its own version of it. */
enum Peer {
    LLAMA_CPP("llama.cpp", "--llamacpp", false), IK_LLAMA_CPP("ik_llama.cpp", "--ik", true), BITNET_CPP("bitnet.cpp", "--bitnet", false);

    private final String label;
    private final String option;
    private final boolean quantizeTakesUserData;

    Peer(String label, String option, boolean quantizeTakesUserData) {
        this.label = label;
        this.option = option;
        this.quantizeTakesUserData = quantizeTakesUserData;
    }

    String label() {
        return label;
    }

    /** The option that names its shared library. */
    String option() {
        return option;
    }

    /** Whether its {@code ggml_quantize_chunk} ends in one more pointer. */
    boolean quantizeTakesUserData() {
        return quantizeTakesUserData;
    }
}
