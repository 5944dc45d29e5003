package org.setun.nn;

import org.opentest4j.TestAbortedException;
import org.setun.kernels.Backend;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.NativeLibraryException;

/** The same on the native kernels, with two threads; skipped where there is no native library. */
class NativeFunctionGradientsTest extends FunctionGradientsTest {

    @Override
    Backend openBackend() {
        try {
            return NativeBackend.create(BackendOptions.defaults().withThreads(2));
        } catch (NativeLibraryException e) {
            throw new TestAbortedException("no native library", e);
        }
    }
}
