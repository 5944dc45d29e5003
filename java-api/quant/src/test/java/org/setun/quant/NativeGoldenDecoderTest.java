package org.setun.quant;

import org.setun.kernels.Backend;

/** The same on the native kernels; skipped where there is no native library. */
class NativeGoldenDecoderTest extends GoldenDecoderTest {

    @Override
    Backend openBackend() {
        return nativeOrSkip(2);
    }
}
