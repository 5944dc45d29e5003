package org.setun.quant;

/** The same on the native kernels; skipped where there is no native library. */
class NativeTernaryDecoderTest extends TernaryDecoderTest {

    NativeTernaryDecoderTest() {
        super(nativeOrSkip(2));
    }
}
