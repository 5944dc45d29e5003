package org.setun.cli.bench;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Isa;
import org.setun.kernels.NativeBackend;

/** The kernel tiers of this machine. */
final class Tiers {

    private Tiers() {
    }

    static List<Isa> here() {
        return Arrays.stream(Isa.values()).filter(NativeBackend::supports).toList();
    }

    /** Refuses a tier that would silently become a lower one. */
    static void requireHere(@Nullable Isa tier) {
        if (tier != null && !NativeBackend.supports(tier)) {
            throw new IllegalArgumentException("this machine cannot run the tier " + tier.label() + "; it has "
                    + String.join(", ", here().stream().map(Isa::label).toList()));
        }
    }
}
