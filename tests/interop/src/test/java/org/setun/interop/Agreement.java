package org.setun.interop;

/**
 * How alike two engines predict the same tokens.
 *
 * @param sameBest share of positions where both find the same token most probable
 * @param divergence mean KL(theirs || ours) in nats
 * @param theirPerplexity over the tokens that have one before them in their window
 * @param ourPerplexity the same
 * @param maxDistance greatest difference of any logit
 */
record Agreement(double sameBest, double divergence, double theirPerplexity, double ourPerplexity, double maxDistance) {

    static Agreement of(float[] theirs, float[] ours, int[] tokens, int vocab, int window) {
        if (theirs.length != ours.length || theirs.length != tokens.length * vocab) {
            throw new IllegalArgumentException(theirs.length + " and " + ours.length + " logits for " + tokens.length + " tokens");
        }
        int same = 0;
        int scored = 0;
        double divergence = 0;
        double theirLoss = 0;
        double ourLoss = 0;
        double max = 0;
        for (int i = 0; i < tokens.length; i++) {
            double theirNorm = logSum(theirs, i * vocab, vocab);
            double ourNorm = logSum(ours, i * vocab, vocab);
            same += best(theirs, i * vocab, vocab) == best(ours, i * vocab, vocab) ? 1 : 0;
            for (int j = i * vocab; j < (i + 1) * vocab; j++) {
                divergence += Math.exp(theirs[j] - theirNorm) * (theirs[j] - theirNorm - (ours[j] - ourNorm));
                double distance = Math.abs((double) theirs[j] - ours[j]);
                max = distance <= max ? max : distance;
            }
            if ((i + 1) % window != 0 && i + 1 < tokens.length) {
                theirLoss += theirNorm - theirs[i * vocab + tokens[i + 1]];
                ourLoss += ourNorm - ours[i * vocab + tokens[i + 1]];
                scored++;
            }
        }
        return new Agreement((double) same / tokens.length, divergence / tokens.length, Math.exp(theirLoss / scored),
                Math.exp(ourLoss / scored), max);
    }

    double perplexityRatio() {
        return ourPerplexity / theirPerplexity;
    }

    private static int best(float[] x, int from, int count) {
        int best = from;
        for (int i = from; i < from + count; i++) {
            best = x[i] > x[best] ? i : best;
        }
        return best - from;
    }

    private static double logSum(float[] x, int from, int count) {
        double max = x[from + best(x, from, count)];
        double sum = 0;
        for (int i = from; i < from + count; i++) {
            sum += Math.exp(x[i] - max);
        }
        return max + Math.log(sum);
    }

    @Override
    public String toString() {
        return String.format("same best token %.2f %%, KL %.2e, perplexity %.3f there and %.3f here (%+.3f %%), max |d| %.2g",
                100 * sameBest, divergence,
                theirPerplexity, ourPerplexity, 100 * (perplexityRatio() - 1), maxDistance);
    }
}
