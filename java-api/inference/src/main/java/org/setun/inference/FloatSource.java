package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.quant.model.TensorSource;

/** The tensors of a model whose format has neither ternary types nor those of BlockFormat. */
record FloatSource(TensorSource tensors) implements WeightSource {

    @Override
    public Set<String> names() {
        return tensors.names();
    }

    @Override
    public void require(String name, long... shape) {
        tensors.require(name, shape);
    }

    @Override
    public void readFloats(String name, MemorySegment out) {
        tensors.readFloats(name, out);
    }

    @Override
    public float readTernary(String name, long m, long k, MemorySegment codes) {
        return Float.NaN;
    }

    @Override
    public @Nullable Blocks blocks(String name) {
        return null;
    }

    @Override
    public FormatException error(String message) {
        return tensors.error(message);
    }
}
