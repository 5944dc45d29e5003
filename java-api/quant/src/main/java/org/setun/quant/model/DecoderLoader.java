package org.setun.quant.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.setun.kernels.Allocator;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.ParameterValues;
import org.setun.nn.QuantizationPlan;
import org.setun.nn.Shape;

/** Fills a decoder with the tensors of a file, and keeps book of those that found no use. */
final class DecoderLoader implements ParameterValues {

    private static final String WEIGHT = ".weight";
    private static final String SCALE = ".scale";

    private final TensorSource source;
    private final Set<String> unused;

    private DecoderLoader(TensorSource source) {
        this.source = source;
        unused = new TreeSet<>(source.names());
    }

    /** A decoder with the weights of a file. A tensor that it does not use is an error: the model would be computed wrongly. */
    static Decoder load(TensorSource source, DecoderConfig config, QuantizationPlan plan, Allocator allocator) {
        DecoderLoader loader = new DecoderLoader(source);
        Decoder decoder = new Decoder(config, plan, allocator, loader);
        if (!loader.unused.isEmpty()) {
            throw source.error("tensor " + loader.unused.iterator().next() + " has no place in this architecture (" + loader.unused.size()
                    + " such tensors): the model would be computed wrongly");
        }
        return decoder;
    }

    @Override
    public void require(String name, Shape shape) {
        source.require(name, IntStream.range(0, shape.rank()).mapToLong(shape::dimension).toArray());
    }

    @Override
    public void read(String name, MemorySegment values) {
        source.readFloats(name, values);
        unused.remove(name);
        String scale = name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) + SCALE : "";
        if (unused.remove(scale)) {
            multiply(values, scale(scale));
        }
    }

    /** The factor that some writers keep beside a matrix. */
    private float scale(String name) {
        source.require(name, 1);
        float[] scale = new float[1];
        source.readFloats(name, MemorySegment.ofArray(scale));
        if (!Float.isFinite(scale[0])) {
            throw source.error("tensor " + name + " = " + scale[0] + " must be finite");
        }
        return scale[0];
    }

    private static void multiply(MemorySegment values, float factor) {
        for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, factor * values.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        }
    }
}
