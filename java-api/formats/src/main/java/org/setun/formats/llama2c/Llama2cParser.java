package org.setun.formats.llama2c;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import org.setun.formats.FormatException;
import org.setun.formats.internal.Cursor;

/**
 * Finds the tensors of a llama2.c file. There is no table of contents: the header's seven numbers decide everything, and the sum of all
 * sizes must be the file's size. One use per file.
 */
final class Llama2cParser {

    private static final int MAGIC = 0x616b3432; // "ak42"
    private static final int HEADER = 256;
    private static final int MAX_LAYERS = 10_000;

    private final Cursor in;
    private final String file;
    private final long size;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private int groupSize;

    Llama2cParser(MemorySegment data, String file) {
        this.in = new Cursor(data, file);
        this.file = file;
        this.size = data.byteSize();
    }

    record Tensor(long[] shape, long elements, long offset, boolean quantized) {
    }

    record Layout(int version, Llama2cConfig config, int groupSize, Map<String, Tensor> tensors) {
    }

    Layout parse() {
        int first = in.i32("dim");
        int version = first == MAGIC ? in.i32("version") : 0;
        if (first == MAGIC && version != 1 && version != 2) {
            throw new FormatException(file, 4, "version", "is " + version + ", versions 1 and 2 are read", "");
        }
        Llama2cConfig config = version == 0 ? config(first, version) : config(in.i32("dim"), version);
        if (version == 2) {
            groupSize = in.i32("group size");
            positive("group size", groupSize);
        }
        if (version == 0) {
            legacy(config);
        } else {
            in.skip(HEADER - in.position(), "header");
            norms(config);
            matrices(config, version == 2);
        }
        if (in.remaining() != 0) {
            throw in.error("end of file", in.remaining() + " bytes are left over",
                    "this is not a llama2.c model, or its header is damaged");
        }
        return new Layout(version, config, groupSize, tensors);
    }

    private Llama2cConfig config(int dim, int version) {
        int hidden = in.i32("hidden");
        int layers = in.i32("layers");
        int heads = in.i32("heads");
        int kvHeads = in.i32("kv heads");
        int vocab = in.i32("vocab");
        int context = in.i32("context");
        boolean tied = version == 0 ? vocab > 0 : in.u8("shared classifier") != 0; // without a header the sign tells
        positive("dim", dim);
        positive("hidden", hidden);
        positive("layers", layers);
        positive("heads", heads);
        positive("kv heads", kvHeads);
        positive("context", context);
        if (vocab == 0 || vocab == Integer.MIN_VALUE || version != 0 && vocab < 0) {
            throw in.error("vocab", "is " + vocab, "this is not a llama2.c model");
        }
        if (dim % heads != 0 || dim / heads % 2 != 0 || heads % kvHeads != 0) {
            throw in.error("heads", "is " + heads + " with dim " + dim + " and " + kvHeads + " kv heads; heads must be even parts of"
                    + " dim and a multiple of kv heads", "this is not a llama2.c model");
        }
        if (layers > MAX_LAYERS) {
            throw in.error("layers", "is " + layers + ", allowed is up to " + MAX_LAYERS, "this is not a llama2.c model");
        }
        return new Llama2cConfig(dim, hidden, layers, heads, kvHeads, Math.abs(vocab), context, tied);
    }

    private void positive(String field, int value) {
        if (value <= 0) {
            throw in.error(field, "is " + value + ", allowed is 1 and more", "this is not a llama2.c model");
        }
    }

    /** Without a header: norms between the matrices, then two tables of the rotary embedding that nobody reads any more. */
    private void legacy(Llama2cConfig c) {
        tensor("token_embd.weight", false, c.vocab(), c.dim());
        perLayer(c, "attn_norm", false, c.dim());
        attention(c, false);
        perLayer(c, "ffn_norm", false, c.dim());
        feedForward(c, false);
        tensor("output_norm.weight", false, c.dim());
        in.skip((long) c.context() * c.headDim() * Float.BYTES, "rotary tables");
        if (!c.tiedHead()) {
            tensor("output.weight", false, c.vocab(), c.dim());
        }
    }

    private void norms(Llama2cConfig c) {
        perLayer(c, "attn_norm", false, c.dim());
        perLayer(c, "ffn_norm", false, c.dim());
        tensor("output_norm.weight", false, c.dim());
    }

    private void matrices(Llama2cConfig c, boolean quantized) {
        tensor("token_embd.weight", quantized, c.vocab(), c.dim());
        attention(c, quantized);
        feedForward(c, quantized);
        if (!c.tiedHead()) {
            tensor("output.weight", quantized, c.vocab(), c.dim());
        }
    }

    private void attention(Llama2cConfig c, boolean quantized) {
        perLayer(c, "attn_q", quantized, c.dim(), c.dim());
        perLayer(c, "attn_k", quantized, c.kvDim(), c.dim());
        perLayer(c, "attn_v", quantized, c.kvDim(), c.dim());
        perLayer(c, "attn_output", quantized, c.dim(), c.dim());
    }

    private void feedForward(Llama2cConfig c, boolean quantized) {
        perLayer(c, "ffn_gate", quantized, c.hidden(), c.dim());
        perLayer(c, "ffn_down", quantized, c.dim(), c.hidden());
        perLayer(c, "ffn_up", quantized, c.hidden(), c.dim());
    }

    private void perLayer(Llama2cConfig c, String kind, boolean quantized, long... shape) {
        for (int layer = 0; layer < c.layers(); layer++) {
            tensor("blk." + layer + "." + kind + ".weight", quantized, shape);
        }
    }

    /** Takes the next tensor; dimensions are ints and at most two, so their product fits in a long. */
    private void tensor(String name, boolean quantized, long... shape) {
        long elements = shape.length == 1 ? shape[0] : shape[0] * shape[1];
        if (elements > size || elements > Integer.MAX_VALUE - 8) {
            throw in.error("tensor '" + name + "'", elements + " elements do not fit into a file of " + size
                    + " bytes or a Java array", "");
        }
        if (quantized && elements % groupSize != 0) { // groups may cross rows, not tensors
            throw in.error("group size", "is " + groupSize + ", which does not divide the " + elements + " elements of '" + name + "'", "");
        }
        long bytes = quantized ? elements + elements / groupSize * Float.BYTES : elements * Float.BYTES;
        tensors.put(name, new Tensor(shape, elements, in.skip(bytes, "tensor '" + name + "'"), quantized));
    }
}
