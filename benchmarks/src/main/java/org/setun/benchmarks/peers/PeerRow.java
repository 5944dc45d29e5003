package org.setun.benchmarks.peers;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Locale;

/**
 * One comparison.
 *
 * @param peer          the other library
 * @param format        its weight format
 * @param m             rows of the weights (outputs)
 * @param k             columns of the weights (inputs)
 * @param n             activation rows
 * @param cold          whether the weights come from memory
 * @param threads       threads on either side
 * @param tier          our kernel tier
 * @param oursUs        our median time of a call, in microseconds
 * @param peerUs        the peer's
 * @param oursGmacS     10^9 multiply-adds per second of that time
 * @param peerGmacS     the peer's
 * @param ratio         how many times as fast as the peer ours is: median over rounds
 * @param lowerQuartile of the ratio over rounds
 * @param upperQuartile of the ratio over rounds
 * @param bestRatio     the same of each side's fastest call
 */
record PeerRow(String peer, String format, long m, long k, long n, boolean cold, int threads, String tier,
        @JsonProperty("ours_us") double oursUs, @JsonProperty("peer_us") double peerUs, @JsonProperty("ours_gmac_s") double oursGmacS,
        @JsonProperty("peer_gmac_s") double peerGmacS, double ratio, @JsonProperty("lower_quartile") double lowerQuartile,
        @JsonProperty("upper_quartile") double upperQuartile, @JsonProperty("best_ratio") double bestRatio) {

    /** A comparison that was not made, and why. */
    record Missing(String peer, @JsonProperty("not_compared") String reason) {
        @Override
        public String toString() {
            return "not compared: " + peer + ": " + reason;
        }
    }

    static final String HEADER = String.format("%-12s %-9s %5s %5s %4s %-4s %2s %-10s %9s %9s %6s %6s %6s  %-11s %6s", "peer", "format",
            "m",
            "k", "n", "", "t", "our tier", "our us", "peer us", "GMAC/s", "GMAC/s", "ratio", "quartiles", "best");

    static PeerRow of(PeerFormat format, Problem.Shape shape, int threads, String tier, Duel duel) {
        double gmac = (double) shape.m() * shape.k() * shape.n() * 1e-9;
        return new PeerRow(format.peer().label(), format.name(), shape.m(), shape.k(), shape.n(), shape.cold(), threads, tier,
                duel.ours().median() * 1e6, duel.peer().median() * 1e6, gmac / duel.ours().median(), gmac / duel.peer().median(),
                duel.ratio(), duel.lowerQuartile(), duel.upperQuartile(), duel.bestRatio());
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%-12s %-9s %5d %5d %4d %-4s %2d %-10s %9.1f %9.1f %6.1f %6.1f %5.2fx  %5.2f-%5.2f %5.2fx", peer,
                format, m, k, n, cold ? "cold" : "hot", threads, tier, oursUs, peerUs, oursGmacS, peerGmacS, ratio, lowerQuartile,
                upperQuartile, bestRatio);
    }
}
