package org.setun.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;

/**
 * Makes parameters with their first values. The random values of a parameter depend on the seed and its name alone, not on the order or on
 * what else the model has: a ternary model and its full-precision twin start from the same numbers.
 */
public final class Initializer {

    private static final RandomGeneratorFactory<RandomGenerator> GENERATOR = RandomGeneratorFactory.of("L64X128MixRandom");

    private final Allocator allocator;
    private final long seed;
    private final @Nullable ParameterValues values;

    /** Parameters in memory of {@code allocator}, usually a pool. */
    public Initializer(Allocator allocator, long seed) {
        this.allocator = allocator;
        this.seed = seed;
        this.values = null;
    }

    /** Parameters with the values of a trained model, whatever first values are asked for. */
    public Initializer(Allocator allocator, ParameterValues values) {
        this.allocator = allocator;
        this.seed = 0;
        this.values = values;
    }

    /** Normally distributed with mean 0; subject to weight decay. */
    public Parameter normal(String name, double standardDeviation, long... shape) {
        if (values != null) {
            return trained(values, name, true, Shape.of(shape));
        }
        Parameter parameter = new Parameter(name, allocator, true, Shape.of(shape));
        RandomGenerator random = GENERATOR.create(mix(seed, name));
        MemorySegment target = parameter.value().segment();
        for (long i = 0; i < parameter.shape().size(); i++) {
            target.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (standardDeviation * random.nextGaussian()));
        }
        return parameter;
    }

    /** All elements the same; without weight decay. */
    public Parameter constant(String name, float value, long... shape) {
        return values != null ? trained(values, name, false, Shape.of(shape)) : fresh(name, value, shape);
    }

    /** As {@link #constant}, with the given value even in a trained model: for what a quantizer keeps, which the trained model may not have had. */
    public Parameter fresh(String name, float value, long... shape) {
        Parameter parameter = new Parameter(name, allocator, false, Shape.of(shape));
        MemorySegment target = parameter.value().segment();
        for (long i = 0; i < parameter.shape().size(); i++) {
            target.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return parameter;
    }

    private Parameter trained(ParameterValues source, String name, boolean decay, Shape shape) {
        source.require(name, shape);
        Parameter parameter = new Parameter(name, allocator, decay, shape);
        source.read(name, parameter.value().segment());
        parameter.markChanged();
        return parameter;
    }

    /** FNV-1a over the seed and the name. */
    private static long mix(long seed, String name) {
        long hash = 0xcbf29ce484222325L ^ seed;
        for (int i = 0; i < name.length(); i++) {
            hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
        }
        return hash;
    }
}
