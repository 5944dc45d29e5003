package org.setun.benchmarks.peers;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.Isa;
import org.setun.kernels.NativeBackend;

/** Compares products with the given libraries, on the given numbers of threads. */
final class Comparison implements AutoCloseable {

    private final Map<Peer, GgmlLibrary> libraries;
    private final Map<Integer, NativeBackend> ours = new TreeMap<>();
    private final Map<Peer, Map<Integer, MemorySegment>> theirs = new EnumMap<>(Peer.class);
    private final boolean sameBlocks;
    private final long coldBytes;
    private final int rounds;
    private final double seconds;

    /**
     * @param tier      our highest kernel tier, or null for the best
     * @param sameBlocks whether our weights are the peer's blocks, not ternary
     * @param coldBytes bytes of weights that a cold case walks through
     * @param seconds   time of one side in one round
     */
    Comparison(Map<Peer, GgmlLibrary> libraries, List<Integer> threads, Isa tier, boolean sameBlocks, long coldBytes, int rounds,
            double seconds) {
        this.libraries = libraries;
        this.sameBlocks = sameBlocks;
        this.coldBytes = coldBytes;
        this.rounds = rounds;
        this.seconds = seconds;
        for (int t : threads) {
            ours.computeIfAbsent(t, count -> NativeBackend.create(BackendOptions.defaults().withThreads(count).withIsa(tier)));
        }
        libraries.forEach((peer, library) -> {
            Map<Integer, MemorySegment> backends = new TreeMap<>();
            ours.keySet().forEach(t -> backends.put(t, library.newBackend(t)));
            theirs.put(peer, backends);
        });
    }

    /** Compares one product with every format whose library is there; a peer with a wrong result is reported as not compared. */
    void run(Problem.Shape shape, List<PeerFormat> formats, Consumer<Object> rows) {
        try (Problem problem = new Problem(shape)) {
            for (PeerFormat format : formats) {
                GgmlLibrary library = libraries.get(format.peer());
                if (library != null) {
                    try (GgmlProduct peerProduct = new GgmlProduct(library, problem, format, coldBytes);
                            OurProduct product = ours(problem, format, peerProduct)) {
                        ours.forEach((threads, backend) -> rows.accept(row(format, shape, threads, product.on(backend), peerProduct)));
                    }
                }
            }
        }
    }

    private OurProduct ours(Problem problem, PeerFormat format, GgmlProduct peer) {
        NativeBackend memory = ours.values().iterator().next();
        return sameBlocks
                ? new BlockProduct(memory, problem, format.blocks().orElseThrow(), peer.quantized(), peer.weights(), coldBytes)
                : new TernaryProduct(memory, problem, coldBytes);
    }

    private Object row(PeerFormat format, Problem.Shape shape, int threads, Side our, GgmlProduct peerProduct) {
        Side peer;
        try {
            peer = peerProduct.on(theirs.get(format.peer()).get(threads));
        } catch (WrongResultException e) {
            return new PeerRow.Missing(format.peer().label() + " " + format, shape + " on " + threads + " threads: " + e.getMessage());
        }
        return PeerRow.of(format, shape, threads, ours.get(threads).isa().label(), Duel.between(our, peer, rounds, seconds));
    }

    @Override
    public void close() {
        ours.values().forEach(NativeBackend::close);
        theirs.forEach((peer, backends) -> backends.values().forEach(libraries.get(peer)::freeBackend));
    }
}
