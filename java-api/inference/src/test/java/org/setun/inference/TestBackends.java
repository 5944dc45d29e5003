package org.setun.inference;

import java.util.stream.Stream;
import org.setun.kernels.Backend;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.reference.ReferenceBackend;

/** The backends that every model must run on alike. */
final class TestBackends {

    private TestBackends() {
    }

    static Stream<String> names() {
        return Stream.of("reference", "cpu");
    }

    static Backend open(String name) {
        return name.equals("reference") ? new ReferenceBackend() : NativeBackend.create(BackendOptions.defaults());
    }
}
