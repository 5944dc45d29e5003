package example.app;

import org.setun.kernels.Setun;
import org.setun.kernels.TernaryMatrix;

/** The example of the README, with weights whose product is known. */
public final class Main {

    private Main() {
    }

    public static void main(String[] args) {
        int m = 3;
        int k = 4;
        int n = 2;
        float[] weights = { 1, -1, 0, 1, 0, 0, -1, -1, 1, 1, 1, 0 };
        float[] x = { 127, 0, -127, 64, 1, 2, 3, 127 };
        try (Setun setun = Setun.open()) {
            TernaryMatrix w = setun.quantize(weights, m, k);
            float[] y = w.matmul(x, n);

            float[] integers = { 191, 63, 0, 126, -130, 6 };
            for (int i = 0; i < n * m; i++) {
                if (y[i] != integers[i] * w.gamma()) {
                    throw new AssertionError("y[" + i + "] = " + y[i] + ", not " + integers[i] + " * " + w.gamma());
                }
            }
            boolean named = Setun.class.getModule().isNamed();
            if (!setun.backend().name().equals("cpu") || named != args[0].equals("module path")) {
                throw new AssertionError(setun.backend() + " from " + Setun.class.getModule());
            }
            System.out.println("from the " + args[0] + ": " + setun.backend());
        }
    }
}
