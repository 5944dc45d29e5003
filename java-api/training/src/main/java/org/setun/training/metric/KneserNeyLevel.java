package org.setun.training.metric;

/**
 * One order of a Kneser-Ney model: counts of n-grams and, for each context, their sum and how many occurred once, twice and more. Discounts
 * are Chen and Goodman's estimates from this order's counts of counts, {@code Y = n1 / (n1 + 2 n2)}, {@code D1 = 1 - 2 Y n2 / n1},
 * {@code D2 = 2 - 3 Y n3 / n2}, {@code D3+ = 3 - 4 Y n4 / n3}; where a count of counts is 0 or a discount leaves {@code [0, k]}, all three
 * are {@code Y}, or 1/2 without singletons or doubletons.
 */
final class KneserNeyLevel {

    private final NgramTable ngrams;
    private final NgramTable contexts = new NgramTable();
    private final long[] total;
    private final int[] once;
    private final int[] twice;
    private final int[] more;
    private final double[] discount;

    KneserNeyLevel(NgramTable ngrams) {
        this.ngrams = ngrams;
        ngrams.forEachKey(key -> contexts.increment(key >>> 8, Integer.MAX_VALUE));
        total = new long[contexts.capacity()];
        once = new int[contexts.capacity()];
        twice = new int[contexts.capacity()];
        more = new int[contexts.capacity()];
        long[] countsOfCounts = new long[5];
        ngrams.forEachKey(key -> {
            int count = ngrams.count(key);
            int place = contexts.place(key >>> 8);
            total[place] += count;
            (count == 1 ? once : count == 2 ? twice : more)[place]++;
            if (count < countsOfCounts.length) {
                countsOfCounts[count]++;
            }
        });
        discount = discounts(countsOfCounts);
    }

    private static double[] discounts(long[] n) {
        double y = n[1] > 0 && n[2] > 0 ? n[1] / (n[1] + 2.0 * n[2]) : 0.5;
        double[] d = {0, y, y, y};
        if (n[1] > 0 && n[2] > 0 && n[3] > 0 && n[4] > 0) {
            double[] modified = {0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]};
            boolean valid = true;
            for (int k = 1; k <= 3; k++) {
                valid &= modified[k] >= 0 && modified[k] <= k;
            }
            return valid ? modified : d;
        }
        return d;
    }

    /** The probability of the last byte of {@code ngram} after the bytes before it, given the next lower order's. */
    double probability(long ngram, double lower) {
        int place = contexts.place(ngram >>> 8);
        if (place < 0) {
            return lower;
        }
        int count = ngrams.count(ngram);
        double kept = count == 0 ? 0 : count - discount[Math.min(count, 3)];
        double freed = discount[1] * once[place] + discount[2] * twice[place] + discount[3] * more[place];
        return (kept + freed * lower) / total[place];
    }

    int size() {
        return ngrams.size();
    }
}
