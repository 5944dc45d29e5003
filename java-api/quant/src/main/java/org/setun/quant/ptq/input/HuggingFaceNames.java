package org.setun.quant.ptq.input;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** GGUF names of the tensors of a Hugging Face checkpoint of the families llama, qwen2, qwen3 and bitnet. */
final class HuggingFaceNames {

    private static final Map<String, String> OUTSIDE = Map.of(
            "model.embed_tokens.weight", "token_embd.weight",
            "model.norm.weight", "output_norm.weight",
            "lm_head.weight", "output.weight");

    private static final Map<String, String> INSIDE = Map.ofEntries(
            Map.entry("input_layernorm", "attn_norm"),
            Map.entry("self_attn.q_proj", "attn_q"),
            Map.entry("self_attn.k_proj", "attn_k"),
            Map.entry("self_attn.v_proj", "attn_v"),
            Map.entry("self_attn.o_proj", "attn_output"),
            Map.entry("self_attn.q_norm", "attn_q_norm"),
            Map.entry("self_attn.k_norm", "attn_k_norm"),
            Map.entry("self_attn.attn_sub_norm", "attn_sub_norm"),
            Map.entry("post_attention_layernorm", "ffn_norm"),
            Map.entry("mlp.gate_proj", "ffn_gate"),
            Map.entry("mlp.up_proj", "ffn_up"),
            Map.entry("mlp.down_proj", "ffn_down"),
            Map.entry("mlp.ffn_sub_norm", "ffn_sub_norm"));

    private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d{1,5})\\.(.+)\\.(weight|bias)");

    private HuggingFaceNames() {
    }

    /** The GGUF name; empty if no tensor of these families has that name. */
    static Optional<String> gguf(String name) {
        Matcher layer = LAYER.matcher(name);
        if (layer.matches() && INSIDE.containsKey(layer.group(2))) {
            return Optional.of("blk." + Integer.parseInt(layer.group(1)) + "." + INSIDE.get(layer.group(2)) + "." + layer.group(3));
        }
        return Optional.ofNullable(OUTSIDE.get(name));
    }
}
