package org.setun.quant;

/** The same on the native kernels; skipped where there is no native library. */
class NativeTernaryMlpTest extends TernaryMlpTest {

    NativeTernaryMlpTest() {
        super(nativeOrSkip(2));
    }
}
