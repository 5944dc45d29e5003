package org.setun.cli.bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Locale;
import java.util.Optional;

/**
 * One measurement. A share is NaN where there is no such limit.
 *
 * @param kernel         the operation
 * @param format         layout of the weights
 * @param m              rows of the weights (outputs)
 * @param k              columns of the weights (inputs)
 * @param n              activation rows; 0 if the kernel has none
 * @param threads        threads of the context
 * @param tier           kernel tier
 * @param cold           true if the calls walk through a set far beyond the caches, false if all take the same operands
 * @param workingSetMb   megabytes that the calls walk through
 * @param usMedian       median time of a call
 * @param gmacS          10^9 multiply-adds per second; 0 where that is no measure
 * @param gbS            10^9 bytes of weights read (or of operands read and written) per second
 * @param macsPerByte    multiply-adds for each of these bytes
 * @param peakGmacS      10^9 multiply-adds per second that the tier reaches in registers: the best rate that this run saw
 * @param bandwidthGbS   10^9 bytes per second that reading (or copying) the same amount reached in between the calls: a median
 * @param ceilingGbS     10^9 bytes per second that no such traffic exceeds: for copies the better of copying and reading
 * @param bandwidthWay   the way through memory that reached it
 * @param peakShare      share of the peak
 * @param bandwidthShare share of the bandwidth
 * @param check          how the result was checked before timing: {@code exact} or {@code bound}
 */
public record Row(String kernel, String format, long m, long k, long n, int threads, String tier, boolean cold,
        @JsonProperty("working_set_mb") double workingSetMb, @JsonProperty("us_median") double usMedian,
        @JsonProperty("gmac_s") double gmacS, @JsonProperty("gb_s") double gbS, @JsonProperty("macs_per_byte") double macsPerByte,
        @JsonProperty("peak_gmac_s") double peakGmacS, @JsonProperty("bandwidth_gb_s") double bandwidthGbS,
        @JsonProperty("ceiling_gb_s") double ceilingGbS, @JsonProperty("bandwidth_way") String bandwidthWay,
        @JsonProperty("peak_share") double peakShare,
        @JsonProperty("bandwidth_share") double bandwidthShare, String check) {

    /** What timer and scheduler may add to a share: beyond 1 + this, the limit or the kernel was measured wrongly. */
    public static final double TOLERANCE = 0.03;

    /** Why this row cannot be true: a share above 100 %. */
    public Optional<String> impossible() {
        double ofCeiling = gbS / ceilingGbS;
        String limit = peakShare > 1 + TOLERANCE ? "peak" : ofCeiling > 1 + TOLERANCE ? "bandwidth" : "";
        return limit.isEmpty()
                ? Optional.empty()
                : Optional.of(String.format(Locale.ROOT, "%s %dx%d n=%d on %d threads (%s, %s) reaches %.1f %% of the %s", kernel, m, k, n,
                        threads, tier, cold ? "cold" : "hot", 100 * (limit.equals("peak") ? peakShare : ofCeiling), limit));
    }
}
