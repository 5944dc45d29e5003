package org.setun.quant.pi;

import java.util.SplittableRandom;

/** Distributions of weights, of mean 0 and deviation 1. */
enum Weights {
    NORMAL {
        @Override
        double draw(SplittableRandom random) {
            return random.nextGaussian();
        }
    },
    LAPLACE {
        @Override
        double draw(SplittableRandom random) {
            double magnitude = random.nextExponential() / Math.sqrt(2);
            return random.nextBoolean() ? magnitude : -magnitude;
        }
    },
    /** Student's t with four degrees of freedom: tails as heavy as trained weights have at worst. */
    STUDENT_4 {
        @Override
        double draw(SplittableRandom random) {
            double square = 2 * (random.nextExponential() + random.nextExponential()); // chi square of four degrees
            return random.nextGaussian() / Math.sqrt(square / 4) / Math.sqrt(2);
        }
    };

    abstract double draw(SplittableRandom random);

    /** {@code count} independent values. */
    float[] sample(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) draw(random);
        }
        return values;
    }
}
