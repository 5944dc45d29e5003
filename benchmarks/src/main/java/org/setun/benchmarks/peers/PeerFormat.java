package org.setun.benchmarks.peers;

import java.util.Optional;
import org.setun.kernels.BlockFormat;

/** Weight formats of the peers, by the names and numbers that GGUF files give them. */
enum PeerFormat {
    TQ2_0(Peer.LLAMA_CPP, 35), TQ1_0(Peer.LLAMA_CPP, 34), Q4_0(Peer.LLAMA_CPP, 2), //
    Q8_0(Peer.LLAMA_CPP, 8), Q2_K(Peer.LLAMA_CPP, 10), Q3_K(Peer.LLAMA_CPP, 11), Q4_K(Peer.LLAMA_CPP, 12), Q6_K(Peer.LLAMA_CPP, 14), //
    IQ2_BN(Peer.IK_LLAMA_CPP, 135), IQ2_BN_R4(Peer.IK_LLAMA_CPP, 335), //
    I2_S(Peer.BITNET_CPP, 36), TL2(Peer.BITNET_CPP, 39);

    private final Peer peer;
    private final int type;

    PeerFormat(Peer peer, int type) {
        this.peer = peer;
        this.type = type;
    }

    Peer peer() {
        return peer;
    }

    /** The number of this type in {@code enum ggml_type}. */
    int type() {
        return type;
    }

    /** Whether the peer rearranges such weights as it loads them ({@code CPU_REPACK} buffers), as its own programs let it do. */
    boolean repacked() {
        return this == Q4_0 || this == Q4_K || this == Q2_K;
    }

    /** Whether the peer's C interface cannot make this format, so that it is packed here and put where its kernels look for it. */
    boolean packedHere() {
        return this == TL2;
    }

    /** Our format of the same blocks; no ternary format of the peers is one. */
    Optional<BlockFormat> blocks() {
        return BlockFormat.ofCode(type);
    }
}
