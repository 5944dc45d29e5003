package org.setun.inference;

import java.util.stream.Stream;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;

/** The backends that every model must run on alike. */
final class TestBackends {

    private TestBackends() {
    }

    static Stream<String> names() {
        return Stream.of("reference");
    }

    static Backend open(String name) {
        return new ReferenceBackend();
    }
}
