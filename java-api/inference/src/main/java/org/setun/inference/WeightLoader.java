package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.Buffer;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.TernaryOps;
import org.setun.nn.DecoderConfig;
import org.setun.quant.incoherence.IncoherenceTransform;

/** Reads the tensors of a decoder into a pool: ternary matrices and those in blocks packed, everything else as f32. */
final class WeightLoader {

    private final WeightSource source;
    private final DecoderConfig config;
    private final Backend backend;
    private final MemoryPool memory;
    private final Activations activations;
    private final Set<String> used = new HashSet<>();

    WeightLoader(WeightSource source, DecoderConfig config, Backend backend, MemoryPool memory, Activations activations) {
        this.source = source;
        this.config = config;
        this.backend = backend;
        this.memory = memory;
        this.activations = activations;
    }

    /**
     * All tensors of the model. A tensor of the file that this architecture does not use is an error: the model would be computed wrongly.
     */
    ModelWeights load() {
        MemorySegment embedding = floats("token_embd.weight", config.vocab(), config.dim());
        List<ModelWeights.Layer> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            layers.add(layer("blk." + i + "."));
        }
        MemorySegment outputNorm = floats("output_norm.weight", config.dim());
        Projection head = head(embedding);
        refuseUnused();
        return new ModelWeights(embedding, List.copyOf(layers), outputNorm, head);
    }

    /** The head is read whole for every token, so it stays as small as it is stored, even where it has the embedding's values again. */
    private Projection head(MemorySegment embedding) {
        String name = config.tiedHead() ? "token_embd.weight" : "output.weight";
        if (config.tiedHead() && !hasKernels(name)) {
            return new Projection.Dense(config.vocab(), config.dim(), embedding, 1, null);
        }
        return stored(name, config.vocab(), config.dim(), 1, null);
    }

    private boolean hasKernels(String name) {
        WeightSource.Blocks stored = source.blocks(name);
        return stored != null && stored.kernel() != null;
    }

    private ModelWeights.Layer layer(String prefix) {
        int queryWidth = config.heads() * config.headDim();
        int keyWidth = config.kvHeads() * config.headDim();
        return new ModelWeights.Layer(
                floats(prefix + "attn_norm.weight", config.dim()),
                projection(prefix + "attn_q", queryWidth, config.dim()),
                projection(prefix + "attn_k", keyWidth, config.dim()),
                projection(prefix + "attn_v", keyWidth, config.dim()),
                config.headNorms() ? floats(prefix + "attn_q_norm.weight", config.headDim()) : null,
                config.headNorms() ? floats(prefix + "attn_k_norm.weight", config.headDim()) : null,
                config.subNorms() ? floats(prefix + "attn_sub_norm.weight", queryWidth) : null,
                projection(prefix + "attn_output", config.dim(), queryWidth),
                floats(prefix + "ffn_norm.weight", config.dim()),
                projection(prefix + "ffn_gate", config.ffn(), config.dim()),
                projection(prefix + "ffn_up", config.ffn(), config.dim()),
                config.subNorms() ? floats(prefix + "ffn_sub_norm.weight", config.ffn()) : null,
                projection(prefix + "ffn_down", config.dim(), config.ffn()));
    }

    private Projection projection(String name, int m, int k) {
        MemorySegment bias = source.names().contains(name + ".bias") ? floats(name + ".bias", m) : null;
        float scale = source.names().contains(name + ".scale") ? scale(name + ".scale") : 1;
        Projection ternary = ternary(name + ".weight", m, k, scale, bias);
        if (ternary != null) {
            return ternary;
        }
        return stored(name + ".weight", m, k, scale, bias);
    }

    /** A matrix as the file stores it, between its rotations if it has any; as fp32 values, without rotations, where it lies in no blocks. */
    private Projection stored(String name, int m, int k, float scale, @Nullable MemorySegment bias) {
        source.require(name, m, k);
        IncoherenceTransform transform = source.transform(name);
        Projection blocks = blocks(name, m, k, scale, transform == null ? bias : null);
        if (blocks == null) {
            return new Projection.Dense(m, k, floats(name, m, k), scale, bias);
        }
        return transform == null ? blocks : new Projection.Rotated(blocks, transform, bias);
    }

    private @Nullable Projection blocks(String name, int m, int k, float scale, @Nullable MemorySegment bias) {
        WeightSource.Blocks stored = source.blocks(name);
        if (stored == null || stored.type() == null && scale != 1) {
            return null;
        }
        used.add(name);
        Buffer data = memory.allocate(stored.data().byteSize()); // memory that stays: a file mapping can vanish
        data.segment().copyFrom(stored.data());
        BlockFormat format = scale == 1 ? stored.kernel() : null;
        if (format == null) {
            return new Projection.Tiles(m, k, Objects.requireNonNull(stored.type()), data.segment(), scale, bias);
        }
        try {
            MemorySegment packed = memory.allocate(format.packedBytes(m, k)).segment();
            backend.blockPack(format, stored.parameter(), data.segment(), m, k, packed);
            return new Projection.Blocks(m, k, format, packed, bias, activations);
        } finally {
            memory.free(data);
        }
    }

    private @Nullable Projection ternary(String name, int m, int k, float scale, @Nullable MemorySegment bias) {
        source.require(name, m, k);
        Buffer codes = memory.allocate((long) m * k);
        try {
            float blockScale = source.readTernary(name, m, k, codes.segment());
            if (Float.isNaN(blockScale)) {
                return null;
            }
            used.add(name);
            MemorySegment packed = memory.allocate(TernaryOps.packedBytes(m, k)).segment();
            backend.ternaryPack(codes.segment(), m, k, packed);
            MemorySegment gamma = memory.allocate(4).segment();
            gamma.set(ValueLayout.JAVA_FLOAT, 0, blockScale * scale);
            return new Projection.Ternary(m, k, packed, gamma, bias, activations);
        } finally {
            memory.free(codes);
        }
    }

    private float scale(String name) {
        float scale = floats(name, 1).get(ValueLayout.JAVA_FLOAT, 0);
        if (!Float.isFinite(scale)) {
            throw source.error("tensor " + name + " = " + scale + " must be finite");
        }
        return scale;
    }

    private MemorySegment floats(String name, long... shape) {
        long count = 1;
        for (long extent : shape) {
            count = Math.multiplyExact(count, extent);
        }
        used.add(name);
        source.require(name, shape);
        MemorySegment values = memory.allocate(Math.multiplyExact(4, count)).segment();
        source.readFloats(name, values);
        return values;
    }

    private void refuseUnused() {
        Set<String> unused = new TreeSet<>(source.names());
        unused.removeAll(used);
        if (!unused.isEmpty()) {
            throw source.error("tensor " + unused.iterator().next() + " has no place in this architecture (" + unused.size()
                    + " such tensors): the model would be computed wrongly");
        }
    }
}
