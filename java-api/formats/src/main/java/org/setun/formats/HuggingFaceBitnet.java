package org.setun.formats;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the {@code weight_scale} beside a packed {@code uint8} weight of a Hugging Face BitNet checkpoint means.
 *
 * <p>
 * Two conventions are in use and the tensors alone do not tell which: layers of class {@code bitlinear} store 1/γ, layers of class
 * {@code autobitlinear} store γ. {@code quantization_config.linear_class} of {@code config.json} decides, and {@link #gamma} checks the
 * outcome against the weights, because a model with the wrong one runs and talks nonsense. Immutable.
 *
 * <p>
 * The bytes themselves are {@code TernaryFormat.HF_U8}. Source: transformers, {@code integrations/bitnet.py}.
 */
public final class HuggingFaceBitnet {

    /** How a scale is stored. */
    public enum Convention {
        /** The file has γ: a weight is code times scale. */
        DIRECT,
        /** The file has 1/γ: a weight is code divided by scale. */
        INVERSE
    }

    /** No trained layer has a mean |weight| like this; γ is around 0.01 to 1. */
    private static final double IMPLAUSIBLE = 5;
    private static final long MAX_SIZE = 16L << 20;
    private static final JsonMapper JSON = new JsonMapper(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(64).build())
            .build());

    private final String file;
    private final Convention convention;

    private HuggingFaceBitnet(String file, Convention convention) {
        this.file = file;
        this.convention = convention;
    }

    /**
     * Reads {@code config.json}.
     *
     * @throws FormatException if it is damaged or does not describe packed BitNet weights
     * @throws IOException if it cannot be read
     */
    public static HuggingFaceBitnet read(Path config) throws IOException {
        if (Files.size(config) > MAX_SIZE) {
            throw new FormatException(config.toString(), FormatException.NO_OFFSET, "file", "has " + Files.size(config)
                    + " bytes, allowed is " + MAX_SIZE, "this is not a model's config.json");
        }
        return parse(new String(Files.readAllBytes(config), StandardCharsets.UTF_8), config.toString());
    }

    /** As {@link #read}, from text; {@code name} stands in messages. */
    public static HuggingFaceBitnet parse(String json, String name) {
        JsonNode quantization;
        try {
            quantization = JSON.readTree(json).path("quantization_config");
        } catch (JacksonException e) {
            throw new FormatException(name, FormatException.NO_OFFSET, "file", "is not valid JSON: " + e.getMessage(), "", e);
        }
        String method = quantization.path("quant_method").asText("");
        if (!method.equals("bitnet")) {
            throw new FormatException(name, FormatException.NO_OFFSET, "quantization_config.quant_method", "is '" + method
                    + "', bitnet is expected", "the checkpoint has no packed BitNet weights");
        }
        if (quantization.path("quantization_mode").asText("offline").equals("online")) {
            throw new FormatException(name, FormatException.NO_OFFSET, "quantization_config.quantization_mode",
                    "is online: the weights are not packed", "read them as bf16 and quantize them");
        }
        String layer = quantization.path("linear_class").asText("bitlinear"); // the default of transformers
        return new HuggingFaceBitnet(name, switch (layer) {
            case "bitlinear" -> Convention.INVERSE;
            case "autobitlinear" -> Convention.DIRECT;
            default -> throw new FormatException(name, FormatException.NO_OFFSET, "quantization_config.linear_class", "is '" + layer
                    + "', bitlinear and autobitlinear are known", "");
        });
    }

    /** The convention of the checkpoint. */
    public Convention convention() {
        return convention;
    }

    /**
     * γ of one layer, after a look at its weights.
     *
     * @param tensor the layer's name for messages
     * @param packed {@code uint8 [ceil(out/4)][in]}
     * @param out rows of the weight, 1 and more
     * @param in columns of the weight, 1 and more
     * @param stored the value of {@code weight_scale}
     * @return γ, so that a weight is γ times its code
     * @throws FormatException if a code is not ternary, γ is not a positive number, or mean |weight| shows that the convention is wrong
     */
    public float gamma(String tensor, MemorySegment packed, long out, long in, float stored) {
        if (out <= 0 || in <= 0 || packed.byteSize() != Math.multiplyExact(Math.ceilDiv(out, 4), in)) {
            throw new IllegalArgumentException("packed = " + packed.byteSize() + " bytes for a weight [" + out + "][" + in
                    + "], allowed is ceil(out / 4) * in");
        }
        float gamma = convention == Convention.DIRECT ? stored : 1 / stored;
        if (!(gamma > 0) || Float.isInfinite(gamma)) {
            throw error(tensor, "has the weight_scale " + stored, "the checkpoint is damaged");
        }
        double mean = gamma * (double) nonZero(tensor, packed, out, in) / ((double) out * in);
        if (mean > IMPLAUSIBLE) {
            throw error(tensor, "would have a mean |weight| of " + mean + " with weight_scale " + stored + " read as " + convention,
                    "linear_class in config.json is probably wrong: the scales seem to be stored the other way round");
        }
        return gamma;
    }

    /** Counts the codes that are not 0. Row {@code i * ceil(out/4) + r} is pair i of packed row r; pairs beyond {@code out} are none. */
    private long nonZero(String tensor, MemorySegment packed, long out, long in) {
        long rows = Math.ceilDiv(out, 4);
        long count = 0;
        for (long r = 0; r < rows; r++) {
            long used = Math.ceilDiv(out - r, rows); // 1 to 4 pairs of this row are weights
            for (long c = 0; c < in; c++) {
                int codes = Byte.toUnsignedInt(packed.get(ValueLayout.JAVA_BYTE, r * in + c));
                for (int i = 0; i < used; i++) {
                    int code = codes >> 2 * i & 3;
                    if (code == 3) {
                        throw error(tensor, "has the code 3 at row " + (i * rows + r) + ", column " + c, "the weights are not ternary");
                    }
                    count += code == 1 ? 0 : 1;
                }
            }
        }
        return count;
    }

    private FormatException error(String tensor, String problem, String remedy) {
        return new FormatException(file, FormatException.NO_OFFSET, "tensor '" + tensor + "'", problem, remedy);
    }
}
