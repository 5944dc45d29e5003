package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.Buffer;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.TernaryOps;
import org.setun.nn.DecoderConfig;
import org.setun.quant.incoherence.IncoherenceTransform;

/** Reads the tensors of a decoder into a pool: ternary matrices and those in blocks packed, everything else as f32. */
final class WeightLoader {

    /** Bytes of fp32 values that a model may have more for its matrices in blocks without kernels: these run as fast as fp32 then. */
    static final long EXPANDED_BYTES = 1L << 30;

    private final WeightSource source;
    private final DecoderConfig config;
    private final Backend backend;
    private final MemoryPool memory;
    private final Activations activations;
    private final Set<String> used = new HashSet<>();
    private long expandable;

    WeightLoader(WeightSource source, DecoderConfig config, Backend backend, MemoryPool memory, Activations activations, long expandable) {
        this.source = source;
        this.config = config;
        this.backend = backend;
        this.memory = memory;
        this.activations = activations;
        this.expandable = expandable;
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
        return stored != null && (stored.kernel() != null || Transcoder.of(stored.type()) != null);
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

    /**
     * A matrix in blocks, in the first of these forms that is there: packed for the kernels as the file has it; rewritten for kernels of another
     * format; as fp32 values, while {@link #EXPANDED_BYTES} last; or as it is, to be expanded whenever it is multiplied.
     */
    private @Nullable Projection blocks(String name, int m, int k, float scale, @Nullable MemorySegment bias) {
        WeightSource.Blocks stored = source.blocks(name);
        if (stored == null || stored.type() == null && scale != 1) {
            return null;
        }
        used.add(name);
        if (scale == 1 && stored.kernel() != null) {
            return packed(stored.kernel(), stored.parameter(), m, k, bias, data -> {
                data.copyFrom(stored.data()); // kernels take memory that stays: a file mapping can vanish
                return true;
            });
        }
        GgmlType type = Objects.requireNonNull(stored.type());
        Transcoder transcoder = Transcoder.of(type);
        if (scale == 1 && transcoder != null) {
            Projection rewritten = packed(transcoder.format(), 0, m, k, bias, data -> transcoder.transcode(stored.data(), data));
            if (rewritten != null) {
                return rewritten;
            }
        }
        long expanded = (long) Float.BYTES * m * k;
        if (expanded <= expandable) {
            expandable -= expanded;
            MemorySegment values = memory.allocate(expanded).segment();
            Dequantizer.decode(type, stored.data(), values);
            return new Projection.Dense(m, k, values, scale, bias);
        }
        MemorySegment data = memory.allocate(stored.data().byteSize()).segment();
        data.copyFrom(stored.data());
        return new Projection.Tiles(m, k, type, data, scale, bias);
    }

    /** A matrix of which {@code fill} writes the bytes that a file would hold; null if it cannot. */
    private @Nullable Projection packed(BlockFormat format, int parameter, int m, int k, @Nullable MemorySegment bias,
            Predicate<MemorySegment> fill) {
        Buffer data = memory.allocate(format.bytes(m, k));
        try {
            if (!fill.test(data.segment())) {
                return null;
            }
            MemorySegment packed = memory.allocate(format.packedBytes(m, k)).segment();
            backend.blockPack(format, parameter, data.segment(), m, k, packed);
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
