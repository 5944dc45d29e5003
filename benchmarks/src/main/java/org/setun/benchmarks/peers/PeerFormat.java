package org.setun.benchmarks.peers;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Weight formats of the peers, by the names and numbers that GGUF files give them. */
enum PeerFormat {
    TQ2_0(Peer.LLAMA_CPP, 35), TQ1_0(Peer.LLAMA_CPP, 34), Q4_0(Peer.LLAMA_CPP, 2), //
    IQ2_BN(Peer.IK_LLAMA_CPP, 135), IQ2_BN_R4(Peer.IK_LLAMA_CPP, 335), //
    I2_S(Peer.BITNET_CPP, 36), TL2(Peer.BITNET_CPP, 39);

    private static final int Q4_0_BLOCK = 32;
    private static final int Q4_0_BYTES = 18;
    private static final int Q4_0_ZERO = 8;

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
        return this == Q4_0;
    }

    /** Whether the peer's C interface cannot make this format, so that it is packed here and put where its kernels look for it. */
    boolean packedHere() {
        return this == TL2;
    }

    /** The value of weight {@code i} of a quantized matrix whose ternary values were {@code exact}. Only Q4_0 cannot hold all of them. */
    float weight(MemorySegment quantized, long i, float exact) {
        if (this != Q4_0) {
            return exact;
        }
        long block = i / Q4_0_BLOCK * Q4_0_BYTES;
        long j = i % Q4_0_BLOCK;
        byte pair = quantized.get(ValueLayout.JAVA_BYTE, block + Short.BYTES + j % (Q4_0_BLOCK / 2));
        int code = j < Q4_0_BLOCK / 2 ? pair & 15 : pair >> 4 & 15;
        return (code - Q4_0_ZERO) * Float.float16ToFloat(quantized.get(ValueLayout.JAVA_SHORT_UNALIGNED, block));
    }
}
