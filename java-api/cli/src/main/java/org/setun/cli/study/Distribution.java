package org.setun.cli.study;

import java.util.SplittableRandom;

/** Distributions of weights with mean 0 and variance 1, from light to heavy tails. */
enum Distribution {
    GAUSSIAN("Gaussian") {
        @Override
        double next(SplittableRandom random) {
            return random.nextGaussian();
        }
    },
    LAPLACE("Laplace") {
        @Override
        double next(SplittableRandom random) {
            double u = random.nextDouble() - 0.5;
            return -Math.signum(u) * Math.log1p(-2 * Math.abs(u)) / Math.sqrt(2);
        }
    },
    /** Student's t with 4 degrees of freedom, whose variance is 2. */
    STUDENT4("t4") {
        @Override
        double next(SplittableRandom random) {
            double squares = 0;
            for (int i = 0; i < 4; i++) {
                double normal = random.nextGaussian();
                squares += normal * normal;
            }
            return random.nextGaussian() / Math.sqrt(squares / 4) / Math.sqrt(2);
        }
    };

    private final String label;

    Distribution(String label) {
        this.label = label;
    }

    /** The name in tables. */
    String label() {
        return label;
    }

    abstract double next(SplittableRandom random);

    /** {@code count} independent values. */
    float[] sample(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) next(random);
        }
        return values;
    }
}
