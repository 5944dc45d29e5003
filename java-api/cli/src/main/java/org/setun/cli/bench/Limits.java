package org.setun.cli.bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.LinkedHashMap;
import java.util.Map;
import org.setun.kernels.MachineLimit;

/**
 * Limits of the machine at one number of threads, in 10^9 per second.
 *
 * @param threads    of the context
 * @param tier       whose instructions the peaks are of
 * @param int8GmacS  int8 multiply-adds in registers: the best rate seen
 * @param bf16GmacS  bf16 multiply-adds likewise; those of fp32 where the tier has none
 * @param fp32GmacS  fp32 multiply-adds likewise
 * @param readGbS    bytes read, of the best way through memory: a median
 * @param copyGbS    bytes read and written by copying, likewise
 * @param waysGbS    the median of each way through memory that was tried
 */
public record Limits(int threads, String tier, @JsonProperty("int8_gmac_s") double int8GmacS, @JsonProperty("bf16_gmac_s") double bf16GmacS,
        @JsonProperty("fp32_gmac_s") double fp32GmacS, @JsonProperty("read_gb_s") double readGbS,
        @JsonProperty("copy_gb_s") double copyGbS, @JsonProperty("ways_gb_s") Map<String, Double> waysGbS) {

    static Limits of(Machine machine) {
        Map<String, Double> ways = new LinkedHashMap<>();
        machine.bandwidths().forEach((way, rate) -> ways.put(way, rate / 1e9));
        return new Limits(machine.backend().threads(), machine.backend().isa().label(), machine.peak(MachineLimit.DOT_INT8) / 1e9,
                machine.peak(MachineLimit.DOT_BF16) / 1e9, machine.peak(MachineLimit.FMA_F32) / 1e9, best(ways, "read"), best(ways, "copy"),
                ways);
    }

    private static double best(Map<String, Double> ways, String kind) {
        return ways.entrySet().stream().filter(way -> way.getKey().startsWith(kind)).mapToDouble(Map.Entry::getValue).max().orElseThrow();
    }
}
