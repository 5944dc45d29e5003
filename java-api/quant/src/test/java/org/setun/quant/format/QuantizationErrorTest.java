package org.setun.quant.format;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

class QuantizationErrorTest {

    private static QuantizationError of(float[] x, float[] y) {
        QuantizationError error = new QuantizationError();
        error.add(x, 0, y, 0, x.length);
        return error;
    }

    @Test
    void measuresOfAKnownPair() {
        QuantizationError error = of(new float[]{3, 4}, new float[]{3, 3});
        assertThat(error.count()).isEqualTo(2);
        assertThat(error.mse()).isEqualTo(0.5);
        assertThat(error.relative()).isEqualTo(0.2);
        assertThat(error.sqnr()).isCloseTo(10 * Math.log10(25), within(1e-12));
        assertThat(error.cosine()).isCloseTo(21 / (5 * Math.sqrt(18)), within(1e-12));
        assertThat(error.largest()).isEqualTo(1);
    }

    @Test
    void nothingLostOfZerosIsNoError() {
        QuantizationError error = of(new float[3], new float[3]);
        assertThat(error.relative()).isZero();
        assertThat(error.sqnr()).isInfinite();
        assertThat(error.cosine()).isNaN();
        assertThat(of(new float[]{0}, new float[]{1}).relative()).isInfinite();
    }

    @Test
    void partsJoinToTheWhole() {
        QuantizationError whole = of(new float[]{1, 2, 3}, new float[]{1, 2.5f, 2});
        QuantizationError first = of(new float[]{1}, new float[]{1});
        first.add(of(new float[]{2, 3}, new float[]{2.5f, 2}));
        assertThat(first.mse()).isEqualTo(whole.mse());
        assertThat(first.cosine()).isEqualTo(whole.cosine());
        assertThat(first.largest()).isEqualTo(whole.largest());
        assertThat(first.count()).isEqualTo(3);
    }
}
