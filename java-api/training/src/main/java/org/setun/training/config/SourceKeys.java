package org.setun.training.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.System.Logger.Level;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The keys of RuVector's {@code ruvllm-qat.toml}, in terms of ours: {@code [qat]}, the names of {@code [distillation]}, a format with {@code k} in
 * {@code [quantization]}. Sections of features that training does not have ({@code [incoherence]}, {@code [moe]}, {@code [sona]}, the numbers of samples
 * of {@code [calibration]}) are checked for unknown keys and reported as without effect.
 */
final class SourceKeys {

    private static final System.Logger LOG = System.getLogger("org.setun.training");

    /** Keys that mean the same under another name. */
    private static final Map<String, String> NAMES = new LinkedHashMap<>();

    static {
        NAMES.put("qat.epochs", "training.epochs");
        NAMES.put("qat.learning_rate", "schedule.learning_rate");
        NAMES.put("qat.batch_size", "training.batch_size");
        NAMES.put("qat.gradient_accumulation", "training.accumulation_steps");
        NAMES.put("distillation.teacher_path", "distillation.teacher");
        NAMES.put("distillation.alpha_task", "distillation.alpha");
        NAMES.put("distillation.beta_kd", "distillation.beta");
        NAMES.put("distillation.gamma_reasoning", "distillation.gamma");
    }

    private static final List<String> QAT = List.of("enabled", "use_lora", "lora_rank", "epochs", "learning_rate", "batch_size",
            "gradient_accumulation");
    private static final Map<String, List<String>> WITHOUT_EFFECT = Map.of(
            "calibration", List.of("math_samples", "code_samples", "language_samples", "reasoning_samples", "tool_use_samples"),
            "incoherence", List.of("enabled", "method"),
            "moe", List.of("memory_aware_routing", "cache_bonus", "preference_decay"),
            "sona", List.of("adapt_scales", "recalibration_interval", "quant_ewc_lambda"));
    private static final Map<String, String> REMEDIES = Map.of(
            "calibration", "the samples of domains are an option of setun calibrate",
            "incoherence", "it is an option of setun quantize",
            "moe", "experts are not trained",
            "sona", "adaptation is no part of training");

    private final ObjectNode tree;
    private final ConfigSource source;

    private SourceKeys(ObjectNode tree, ConfigSource source) {
        this.tree = tree;
        this.source = source;
    }

    private static final List<String> SECTIONS = List.of("qat", "quantization", "distillation", "training", "schedule");

    /** Replaces such keys in {@code tree}. */
    static void translate(ObjectNode tree, ConfigSource source) {
        SourceKeys keys = new SourceKeys(tree, source);
        keys.requireKnown();
        keys.enabled();
        keys.format();
        keys.teacher();
        keys.rename();
        keys.lowRank();
        keys.dropWithoutEffect();
    }

    private ObjectNode section(String name) {
        return tree.get(name) instanceof ObjectNode node ? node : tree.objectNode();
    }

    private void requireKnown() {
        Stream.concat(SECTIONS.stream(), WITHOUT_EFFECT.keySet().stream().sorted()).forEach(section -> {
            JsonNode given = tree.get(section);
            if (given != null && !given.isObject()) {
                throw new ConfigException(source.at("", section) + section + " = " + given + ": must be a section [" + section + "]");
            }
        });
        requireKnown("qat", QAT);
        WITHOUT_EFFECT.forEach(this::requireKnown);
    }

    private void requireKnown(String section, List<String> keys) {
        section(section).fieldNames().forEachRemaining(key -> {
            if (!keys.contains(key)) {
                throw refuse(section, key, "unknown key; did you mean " + ConfigKeys.nearest(key, keys) + "?");
            }
        });
    }

    /** Without QAT nothing is quantized. */
    private void enabled() {
        if (flag("qat", "enabled", section("qat").remove("enabled"), true)) {
            return;
        }
        JsonNode weights = section("quantization").get("weights");
        if (weights != null && !weights.asText().equals("none")) {
            throw refuse("qat", "enabled", "false: quantization.weights = " + weights + " asks for the contrary; leave one of them out");
        }
        tree.withObject("/quantization").put("weights", "none");
    }

    /** {@code format = "pi-q3"} with {@code k}, {@code bits} and {@code mixed_constants} beside it; a format alone asks for such weights. */
    private void format() {
        ObjectNode given = section("quantization");
        JsonNode format = given.get("format");
        if (format != null && !given.has("weights")) {
            given.put("weights", "format");
            JsonNode bits = given.remove("bits");
            if (bits != null && !format.asText().replaceAll("^\\D*", "").startsWith(bits.asText())) {
                throw refuse("quantization", "bits", bits + ": the format " + format + " has others; leave the key out");
            }
        }
        JsonNode k = given.remove("k");
        boolean mixed = flag("quantization", "mixed_constants", given.remove("mixed_constants"), false);
        if (k != null || mixed) {
            if (format == null || !format.asText().startsWith("pi-q") || format.asText().contains(":")) {
                throw refuse("quantization", k != null ? "k" : "mixed_constants",
                        "is the parameter of the formats pi-q2 and pi-q3: set quantization.format to one of them");
            }
            given.put("format", format.asText() + ":k=" + (mixed ? "mixed" : k.asText()));
        }
    }

    private void teacher() {
        ObjectNode given = section("distillation");
        if (given.has("teacher_path") && !given.has("enabled")) {
            given.put("enabled", true);
        }
    }

    private void rename() {
        NAMES.forEach((from, to) -> {
            String[] old = from.split("\\.");
            String[] own = to.split("\\.");
            JsonNode value = section(old[0]).remove(old[1]);
            if (value != null) {
                if (section(own[0]).has(own[1])) {
                    throw refuse(old[0], old[1], "is " + to + ", which is set, too; leave one of them out");
                }
                tree.withObject("/" + own[0]).set(own[1], value);
            }
        });
    }

    private void lowRank() {
        ObjectNode given = section("qat");
        JsonNode rank = given.remove("lora_rank");
        boolean wanted = flag("qat", "use_lora", given.remove("use_lora"), rank != null);
        tree.remove("qat");
        if (wanted) {
            if (section("training").has("lora_rank")) {
                throw refuse("qat", rank == null ? "use_lora" : "lora_rank",
                        "is training.lora_rank, which is set, too; leave one of them out");
            }
            tree.withObject("/training").set("lora_rank", rank == null ? tree.numberNode(16) : rank);
        }
    }

    private boolean flag(String section, String key, @Nullable JsonNode value, boolean fallback) {
        if (value != null && !value.isBoolean()) {
            throw refuse(section, key, value + ": must be true or false");
        }
        return value == null ? fallback : value.asBoolean();
    }

    private void dropWithoutEffect() {
        WITHOUT_EFFECT.keySet().stream().sorted().filter(tree::has).forEach(section -> {
            tree.remove(section);
            LOG.log(Level.WARNING, "{0}[{1}] has no effect on training: {2}", source.at(section, ""), section, REMEDIES.get(section));
        });
    }

    private ConfigException refuse(String section, String key, String problem) {
        return new ConfigException(source.at(section, key) + section + "." + key + " " + problem);
    }
}
