package org.setun.examples;

import java.util.Random;
import org.setun.kernels.Setun;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryMatrix;

/** The plain API: float weights in, ternary products out. */
public final class PlainApi {

    private PlainApi() {
    }

    public static void main(String[] args) {
        int m = 512;
        int k = 256;
        int n = 2;
        float[] weights = gaussian(m * k, 1);
        float[] x = gaussian(n * k, 2);
        try (Setun setun = Setun.open(); TernaryMatrix w = setun.quantize(weights, m, k)) {
            float[] y = w.matmul(x, n);
            float[] exact = w.matmulF32(x, n);
            byte[] blocks = w.encode(TernaryFormat.TQ2_0);
            System.out.printf("%s: y[0] = %.4f with 8-bit activations, %.4f with exact ones; %d bytes as TQ2_0%n", w, y[0], exact[0], blocks.length);
        }
    }

    private static float[] gaussian(int count, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
