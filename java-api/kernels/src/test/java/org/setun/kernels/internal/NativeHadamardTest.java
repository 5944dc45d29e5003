package org.setun.kernels.internal;

import org.junit.jupiter.api.Test;
import org.setun.kernels.HadamardFactors;

import static org.assertj.core.api.Assertions.assertThat;

/** C and Java choose the same matrices. */
class NativeHadamardTest {

    @Test
    void factorsAreThoseOfJava() {
        NativeBindings.load();
        for (long n = 1; n <= 20_000; n++) {
            requireSame(n);
        }
        for (long n = 20_000; n <= HadamardFactors.MAX_N; n += 64 * 977) {
            requireSame(n / 64 * 64);
        }
        assertThat(NativeHadamard.nativeFactor(0, 0)).isZero();
        assertThat(NativeHadamard.nativeFactor(HadamardFactors.MAX_N + 1, 0)).isZero();
        assertThat(NativeHadamard.nativeFactor(12, -1)).isZero();
    }

    private static void requireSame(long n) {
        HadamardFactors factors = HadamardFactors.of(n);
        int last = factors.paley().size();
        for (int i = 0; i < last; i++) {
            assertThat(NativeHadamard.nativeFactor(n, i)).as("n = %d", n).isEqualTo((long) factors.paley().get(i));
        }
        assertThat(NativeHadamard.nativeFactor(n, last)).as("n = %d", n).isEqualTo(factors.power());
        assertThat(NativeHadamard.nativeFactor(n, last + 1)).isZero();
    }
}
