package org.setun.quant;

import org.setun.kernels.Backend;

/** The same with the native kernels. */
class NativeQuantizedTablesTest extends QuantizedTablesTest {

    @Override
    Backend openBackend() {
        return nativeOrSkip(2);
    }
}
