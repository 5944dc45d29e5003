package org.setun.openblas;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.reference.ReferenceBackend;

import static org.assertj.core.api.Assertions.assertThat;

class OpenBlasTest {

    /** On x86-64 it must be asked for: the built-in products are the default there. */
    @BeforeEach
    void askForIt() {
        System.setProperty(BackendOptions.BLAS_PROPERTY, "always");
    }

    @AfterEach
    void askForNothing() {
        System.clearProperty(BackendOptions.BLAS_PROPERTY);
    }

    @Test
    void isFoundAndSetToOneThread() {
        assertThat(BackendOptions.defaults().blas()).isInstanceOf(OpenBlas.class);
        assertThat(new OpenBlas().sgemm()).isEqualTo(new OpenBlas().sgemm());
        assertThat(OpenBlas.threads()).isEqualTo(1);
        assertThat(OpenBlas.config()).startsWith("OpenBLAS 0.3.31");
    }

    @Test
    void theBackendNamesIt() {
        try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults())) {
            assertThat(backend.blas()).isEqualTo("OpenBLAS");
        }
    }

    /** |error| of a sum of k products in any order is at most (k + 2) * 2^-24 * sum|a*b|, to which alpha and beta add two roundings. */
    @ParameterizedTest
    @CsvSource({"1,1,1,false,false", "33,65,129,false,true", "64,50,200,true,false", "300,700,90,false,true", "17,19,23,true,true"})
    void productsAreThoseOfTheReference(int m, int n, int k, boolean transA, boolean transB) {
        Random random = new Random(m * 31L + n);
        try (NativeBackend backend = NativeBackend.create(new BackendOptions(2, null, new OpenBlas()));
                Arena arena = Arena.ofConfined();
                ReferenceBackend reference = new ReferenceBackend()) {
            MemorySegment a = values(arena, random, m * k);
            MemorySegment b = values(arena, random, k * n);
            MemorySegment c = values(arena, random, m * n);
            MemorySegment expected = arena.allocate(c.byteSize(), 4).copyFrom(c);
            long lda = transA ? m : k;
            long ldb = transB ? k : n;
            backend.gemmF32(transA, transB, m, n, k, 0.5f, a, lda, b, ldb, 2, c, n);
            reference.gemmF32(transA, transB, m, n, k, 0.5f, a, lda, b, ldb, 2, expected, n);
            for (int i = 0; i < m * n; i++) {
                // All inputs are in [-1, 1]; both results may be off by the bound.
                assertThat(c.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isCloseTo(expected.getAtIndex(ValueLayout.JAVA_FLOAT, i),
                        org.assertj.core.api.Assertions.within((float) (2 * (k + 6) * (0.5 * k + 2) * Math.pow(2, -24))));
            }
        }
    }

    private static MemorySegment values(Arena arena, Random random, int count) {
        MemorySegment segment = arena.allocate(4L * count, 64);
        for (int i = 0; i < count; i++) {
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat() * 2 - 1);
        }
        return segment;
    }
}
