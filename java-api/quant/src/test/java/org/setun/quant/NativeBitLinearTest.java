package org.setun.quant;

/** The same on the native kernels; skipped where there is no native library. */
class NativeBitLinearTest extends BitLinearTest {

    NativeBitLinearTest() {
        super(nativeOrSkip(2));
    }
}
