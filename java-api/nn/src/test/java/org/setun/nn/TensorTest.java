package org.setun.nn;

import java.lang.foreign.ValueLayout;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.reference.ReferenceBackend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TensorTest {

    @Property(tries = 50)
    void viewsShareTheirElements(@ForAll @IntRange(min = 1, max = 5) int a, @ForAll @IntRange(min = 1, max = 5) int b,
            @ForAll @IntRange(min = 1, max = 5) int c) {
        try (MemoryPool pool = MemoryPool.builder(new ReferenceBackend()).slabBytes(1 << 16).build()) {
            float[] values = new float[a * b * c];
            for (int i = 0; i < values.length; i++) {
                values[i] = i;
            }
            Tensor tensor = Tensor.of(pool, values, a, b, c);
            assertThat(tensor.rows()).isEqualTo((long) a * b);
            assertThat(tensor.columns()).isEqualTo(c);
            for (int from = 0; from < a; from++) {
                Tensor row = tensor.slice(from, from + 1);
                assertThat(row.shape()).isEqualTo(Shape.of(1, b, c));
                for (int j = 0; j < b * c; j++) {
                    assertThat(row.segment().getAtIndex(ValueLayout.JAVA_FLOAT, j)).isEqualTo(from * b * c + j);
                }
                row.reshape(b * c).segment().setAtIndex(ValueLayout.JAVA_FLOAT, 0, -1);
                assertThat(tensor.toArray()[from * b * c]).isEqualTo(-1);
            }
            assertThat(tensor.slice(a, a).size()).isZero();
        }
    }

    @Test
    void packedCodesHavePaddedRows() {
        try (MemoryPool pool = new MemoryPool(new ReferenceBackend())) {
            Tensor codes = Tensor.allocate(pool, DType.CODES, 11, 257);
            assertThat(codes.byteSize()).isEqualTo(3 * 512);
            assertThat(codes.slice(4, 11).byteSize()).isEqualTo(2 * 512);
            assertThat(codes.slice(4, 11).segment().address()).isEqualTo(codes.segment().address() + 512);
            assertThatThrownBy(() -> codes.slice(1, 3)).hasMessageContaining("row 1: packed codes come in groups of 4 rows");
            assertThatThrownBy(() -> codes.reshape(257, 3)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void wrongUsesAreNamed() {
        try (MemoryPool pool = new MemoryPool(new ReferenceBackend())) {
            Tensor tensor = Tensor.allocate(pool, DType.F32, 2, 3);
            assertThatThrownBy(() -> tensor.reshape(5)).hasMessage("cannot reshape F32[2, 3] to [5]");
            assertThatThrownBy(() -> tensor.slice(1, 3)).hasMessageContaining("1 to 3 of F32[2, 3]");
            assertThatThrownBy(tensor::toIntArray).hasMessageContaining("F32[2, 3] is not of type I32");
            assertThatThrownBy(() -> tensor.copyFrom(new float[5])).hasMessageContaining("not 5");
            assertThatThrownBy(() -> Shape.of(-1, 2)).hasMessageContaining("[-1, 2]");
            assertThatThrownBy(() -> Shape.of(1L << 40, 1L << 40)).hasMessageContaining("2^63");
            assertThatThrownBy(() -> Tensor.of(pool.allocate(8), 4, DType.F32, Shape.of(2))).hasMessageContaining("does not fit");
        }
    }

    @Test
    void useAfterFreeIsAnException() {
        try (MemoryPool pool = new MemoryPool(new ReferenceBackend())) {
            var buffer = pool.allocate(24);
            Tensor tensor = Tensor.of(buffer, 0, DType.F32, Shape.of(2, 3));
            pool.free(buffer);
            assertThat(tensor.isAlive()).isFalse();
            assertThatThrownBy(tensor::segment).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(tensor.slice(0, 1)::toArray).isInstanceOf(IllegalStateException.class);
        }
    }
}
