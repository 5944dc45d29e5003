package org.setun.cli.bench;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * One measurement.
 *
 * @param kernel         the operation
 * @param format         layout of the weights
 * @param m              rows of the weights (outputs)
 * @param k              columns of the weights (inputs)
 * @param n              activation rows
 * @param threads        threads of the context
 * @param tier           kernel tier
 * @param workingSetMb   megabytes that the calls walk through
 * @param usMedian       median time of a call
 * @param gmacS          10^9 multiply-adds per second; 0 where the kernel has none
 * @param weightGbS      gigabytes of weights (or operands) read per second
 * @param peakShare      share of the multiply-add peak that this run measured
 * @param bandwidthShare share of the read bandwidth that this run measured
 * @param check          how the result was checked before timing: {@code exact} or {@code bound}
 */
public record Row(String kernel, String format, long m, long k, long n, int threads, String tier,
        @JsonProperty("working_set_mb") double workingSetMb, @JsonProperty("us_median") double usMedian,
        @JsonProperty("gmac_s") double gmacS,
        @JsonProperty("weight_gb_s") double weightGbS, @JsonProperty("peak_share") double peakShare,
        @JsonProperty("bandwidth_share") double bandwidthShare, String check) {
}
