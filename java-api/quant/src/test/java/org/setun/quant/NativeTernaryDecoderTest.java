package org.setun.quant;

import org.setun.kernels.Backend;

/** The same on the native kernels; skipped where there is no native library. */
class NativeTernaryDecoderTest extends TernaryDecoderTest {

    @Override
    Backend openBackend() {
        return nativeOrSkip(2);
    }
}
