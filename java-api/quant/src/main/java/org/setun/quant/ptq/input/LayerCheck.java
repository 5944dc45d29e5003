package org.setun.quant.ptq.input;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.setun.formats.FormatException;

/** Whether a model is all there: part of one, such as one file of several, must not be taken for the whole. */
final class LayerCheck {

    private static final Pattern BLOCK = Pattern.compile("blk\\.(\\d{1,9})\\.(.+)");
    private static final List<String> ATTENTION = List.of("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm");
    private static final List<String> FEED_FORWARD = List.of("ffn_gate", "ffn_up", "ffn_down");
    private static final List<String> OUTSIDE = List.of("token_embd.weight", "output_norm.weight");
    /** What each block has beside attention and feed-forward matrices. */
    private static final Map<String, List<String>> KNOWN = Map.of("llama", List.of(), "qwen2", List.of(),
            "qwen3", List.of("attn_q_norm", "attn_k_norm"), "bitnet", List.of("attn_sub_norm", "ffn_sub_norm"),
            "bitnet-b1.58", List.of("attn_sub_norm", "ffn_sub_norm"), "bitnet-25", List.of("attn_sub_norm", "ffn_sub_norm"));
    private static final String REMEDY = "name a file with the whole model, or the index of several safetensors files";

    private LayerCheck() {
    }

    /**
     * Checks that each block has its tensors: those of the architecture if it is one that Setun computes, at least one of any other.
     *
     * @param file    stands in messages
     * @param key     that says how many blocks there are
     * @param layers  what it says
     * @param experts whether the feed-forward matrices are those of experts
     * @throws FormatException naming what is missing, or is of a block that should not be
     */
    static void require(String file, String architecture, String key, long layers, boolean experts, List<InputTensor> tensors) {
        Set<String> names = tensors.stream().map(InputTensor::name).collect(Collectors.toSet());
        Set<Long> blocks = new HashSet<>();
        for (String name : names) {
            Matcher block = BLOCK.matcher(name);
            if (block.matches()) {
                long number = Long.parseLong(block.group(1));
                if (number >= layers) {
                    throw error(file, "tensor '" + name + "'", "is of block " + number + ", but " + key + " = " + layers,
                            "the sizes belong to another model");
                }
                blocks.add(number);
            }
        }
        List<String> each = each(architecture, experts);
        // counted first: a hostile number of blocks must not be listed
        if (blocks.size() < layers) {
            long missing = Stream.iterate(0L, block -> block + 1).filter(block -> !blocks.contains(block)).findFirst().orElseThrow();
            throw error(file, "block " + missing, "has no tensors, but " + key + " = " + layers + " and the file has tensors of "
                    + blocks.size() + " blocks", REMEDY);
        }
        TreeSet<String> missing = new TreeSet<>();
        for (long block : blocks) {
            each.stream().map(kind -> "blk." + block + "." + kind + ".weight").filter(name -> !names.contains(name)).forEach(missing::add);
        }
        if (KNOWN.containsKey(architecture)) {
            OUTSIDE.stream().filter(name -> !names.contains(name)).forEach(missing::add);
        }
        if (!missing.isEmpty()) {
            throw error(file, "tensor '" + missing.first() + "'", "is missing"
                    + (missing.size() == 1 ? "" : " and " + (missing.size() - 1) + " more"), REMEDY);
        }
    }

    private static List<String> each(String architecture, boolean experts) {
        if (!KNOWN.containsKey(architecture)) {
            return List.of();
        }
        return Stream.of(ATTENTION, experts ? List.<String>of() : FEED_FORWARD, KNOWN.get(architecture)).flatMap(List::stream).toList();
    }

    private static FormatException error(String file, String field, String problem, String remedy) {
        return new FormatException(file, FormatException.NO_OFFSET, field, problem, remedy);
    }
}
