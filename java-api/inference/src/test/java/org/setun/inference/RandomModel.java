package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.nn.DecoderConfig;

/** A small model with random weights, ternary where BitNet is. */
final class RandomModel implements WeightSource {

    static final DecoderConfig CONFIG = new DecoderConfig(97, 40, 2, 4, 2, 10, 56, 200, NnOps.Glu.RELU2, true, NnOps.Rope.HALVES, 10_000,
            1e-5f, false);

    private final Map<String, float[]> tensors = new LinkedHashMap<>();
    private final Random random = new Random(7);

    RandomModel() {
        DecoderConfig c = CONFIG;
        int width = c.heads() * c.headDim();
        int keys = c.kvHeads() * c.headDim();
        tensors.put("token_embd.weight", gaussian(c.vocab() * c.dim(), 0, 0.5));
        for (int i = 0; i < c.layers(); i++) {
            String blk = "blk." + i + ".";
            tensors.put(blk + "attn_norm.weight", gaussian(c.dim(), 1, 0.2));
            tensors.put(blk + "attn_q.weight", ternary(width * c.dim()));
            tensors.put(blk + "attn_q.bias", gaussian(width, 0, 0.1));
            tensors.put(blk + "attn_k.weight", ternary(keys * c.dim()));
            tensors.put(blk + "attn_k.scale", new float[]{0.75f});
            tensors.put(blk + "attn_v.weight", gaussian(keys * c.dim(), 0, 0.2));
            tensors.put(blk + "attn_v.scale", new float[]{1.25f});
            tensors.put(blk + "attn_sub_norm.weight", gaussian(width, 1, 0.2));
            tensors.put(blk + "attn_output.weight", ternary(c.dim() * width));
            tensors.put(blk + "ffn_norm.weight", gaussian(c.dim(), 1, 0.2));
            tensors.put(blk + "ffn_gate.weight", ternary(c.ffn() * c.dim()));
            tensors.put(blk + "ffn_up.weight", ternary(c.ffn() * c.dim()));
            tensors.put(blk + "ffn_sub_norm.weight", gaussian(c.ffn(), 1, 0.2));
            tensors.put(blk + "ffn_down.weight", ternary(c.dim() * c.ffn()));
            tensors.put(blk + "ffn_down.bias", gaussian(c.dim(), 0, 0.1));
        }
        tensors.put("output_norm.weight", gaussian(c.dim(), 1, 0.2));
        tensors.put("output.weight", gaussian(c.vocab() * c.dim(), 0, 0.3));
    }

    ModelWeights load(Backend backend, MemoryPool memory, Activations activations) {
        return new WeightLoader(this, CONFIG, backend, memory, activations, WeightLoader.EXPANDED_BYTES).load();
    }

    Map<String, float[]> tensors() {
        return tensors;
    }

    @Override
    public Set<String> names() {
        return tensors.keySet();
    }

    @Override
    public void require(String name, long... shape) {
        long count = 1;
        for (long extent : shape) {
            count *= extent;
        }
        if (!tensors.containsKey(name) || tensors.get(name).length != count) {
            throw error("tensor " + name + " is missing or not of " + count + " values");
        }
    }

    @Override
    public void readFloats(String name, MemorySegment out) {
        out.copyFrom(MemorySegment.ofArray(tensors.get(name)));
    }

    @Override
    public @Nullable Blocks blocks(String name) {
        return null;
    }

    @Override
    public float readTernary(String name, long m, long k, MemorySegment codes) {
        float[] values = tensors.get(name);
        float scale = 0;
        for (float value : values) {
            scale = Math.max(scale, Math.abs(value));
        }
        for (int i = 0; i < values.length; i++) {
            if (values[i] != 0 && Math.abs(values[i]) != scale) {
                return Float.NaN;
            }
            codes.set(ValueLayout.JAVA_BYTE, i, (byte) Math.signum(values[i]));
        }
        return scale;
    }

    @Override
    public FormatException error(String message) {
        return new FormatException("random", FormatException.NO_OFFSET, "model", message, "");
    }

    private float[] gaussian(int count, double mean, double deviation) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (mean + deviation * random.nextGaussian());
        }
        return values;
    }

    private float[] ternary(int count) {
        float scale = 0.1f + random.nextFloat() / 7;
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = scale * (random.nextInt(3) - 1);
        }
        return values;
    }
}
