package org.setun.quant.ptq;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.setun.formats.Sha256;
import org.setun.formats.gguf.GgufWriter;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.ptq.input.ModelInput;

/**
 * The head of the output file and the place of each tensor. The head's size depends on the plan alone, not on hashes, errors or the
 * parameters that
 * formats choose for each matrix: so the data can be written first.
 */
final class OutputLayout {

    /** Bytes that a format's name may grow to, parameters included. */
    private static final int FORMAT_NAME = 48;
    /** Bytes that the description of a rotation may take. */
    private static final int ROTATION = 128;
    /** {@code general.file_type} as llama.cpp numbers them; a hint for people. */
    private static final Map<String, Integer> FILE_TYPES = Map.ofEntries(Map.entry("f32", 0), Map.entry("f16", 1), Map.entry("q4_0", 2),
            Map.entry("q4_1", 3), Map.entry("q8_0", 7), Map.entry("q5_0", 8), Map.entry("q5_1", 9), Map.entry("q2_k", 10),
            Map.entry("q3_k", 11), Map.entry("q4_k", 14), Map.entry("q5_k", 16), Map.entry("q6_k", 18), Map.entry("bf16", 32),
            Map.entry("tq1_0", 36), Map.entry("tq2_0", 37), Map.entry("q1_0", 40), Map.entry("q2_0", 41));

    private final ModelInput input;
    private final WeightFormat format;
    private final List<PlannedTensor> plan;
    private final boolean own;

    OutputLayout(ModelInput input, WeightFormat format, List<PlannedTensor> plan) {
        this.input = input;
        this.format = format;
        this.plan = plan;
        this.own = plan.stream().anyMatch(tensor -> tensor.ownFormat() || tensor.rotation().isPresent());
    }

    /** {@code general.architecture} of the output. */
    String architecture() {
        return own ? SetunGguf.PREFIX + input.architecture() : input.architecture();
    }

    /** A record of the size that the true one will have. */
    private Integrity placeholder(String configuration) {
        Map<String, Integrity.Entry> entries = new LinkedHashMap<>();
        String hash = "0".repeat(Sha256.LENGTH);
        plan.forEach(tensor -> entries.put(tensor.name(), new Integrity.Entry(hash, 0)));
        return new Integrity(hash, configuration, entries);
    }

    /**
     * The file's head; its size is that of all plans that differ in parameters of formats alone.
     *
     * @param fitted the plan with these parameters
     */
    byte[] head(List<PlannedTensor> fitted, Integrity integrity) {
        return integrity.head(writer(fitted));
    }

    /** A writer that knows where each tensor lies behind the head, and all of the head but the integrity record. */
    GgufWriter places() {
        return writer(plan);
    }

    private GgufWriter writer(List<PlannedTensor> fitted) {
        GgufWriter writer = new GgufWriter(architecture());
        input.writeMetadata(writer);
        Optional.ofNullable(own ? null : FILE_TYPES.get(format.name().toLowerCase(Locale.ROOT)))
                .ifPresent(type -> writer.uint32("general.file_type", type));
        writer.uint32("general.quantization_version", 2);
        if (own) {
            long names = plan.stream().filter(PlannedTensor::ownFormat).count();
            long rotations = plan.stream().filter(tensor -> tensor.rotation().isPresent()).count();
            SetunGguf.write(writer, SetunGguf.describe(fitted), Math.toIntExact(names * FORMAT_NAME + rotations * ROTATION));
        }
        for (PlannedTensor tensor : fitted) {
            requireRoom(tensor, tensor.format().name(), FORMAT_NAME);
            tensor.rotation().ifPresent(rotation -> requireRoom(tensor, rotation.method(), ROTATION));
            writer.declare(tensor.name(), tensor.ggufType(), tensor.ggufShape());
        }
        return writer;
    }

    private static void requireRoom(PlannedTensor tensor, String text, int most) {
        if (text.length() > most) {
            throw new IllegalStateException("'" + text + "' of " + tensor.name() + " has more than " + most + " letters");
        }
    }

    /** The plan with its sizes. */
    QuantizePlan plan(String configuration) {
        long head = head(plan, placeholder(configuration)).length;
        return new QuantizePlan(architecture(), plan, head, Math.addExact(head, places().dataBytes()));
    }
}
