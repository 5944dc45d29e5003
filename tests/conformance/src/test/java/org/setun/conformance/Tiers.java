package org.setun.conformance;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Assumptions;
import org.setun.kernels.Backend;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.Isa;
import org.setun.kernels.NativeBackend;

/** Native backends of every tier and thread count, opened once. */
final class Tiers {

    private record Key(Isa isa, int threads) {
    }

    private static final Map<Key, Backend> OPEN = new ConcurrentHashMap<>();

    private Tiers() {
    }

    /** The backend of a tier; a test for a tier that this machine lacks is skipped, with that reason. */
    static Backend require(Isa isa, int threads) {
        Backend backend = OPEN.computeIfAbsent(new Key(isa, threads),
                key -> NativeBackend.create(new BackendOptions(key.threads, key.isa, null)));
        Assumptions.assumeTrue(backend.isa() == isa, () -> "this processor lacks the tier " + isa.label());
        return backend;
    }

    /** The best tier of this machine. */
    static Backend best(int threads) {
        return OPEN.computeIfAbsent(new Key(Isa.PORTABLE, -1 - threads),
                key -> NativeBackend.create(new BackendOptions(threads, null, null)));
    }
}
