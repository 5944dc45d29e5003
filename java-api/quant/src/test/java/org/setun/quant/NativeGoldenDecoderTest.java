package org.setun.quant;

/** The same on the native kernels; skipped where there is no native library. */
class NativeGoldenDecoderTest extends GoldenDecoderTest {

    NativeGoldenDecoderTest() {
        super(nativeOrSkip(2));
    }
}
