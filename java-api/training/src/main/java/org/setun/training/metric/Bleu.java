package org.setun.training.metric;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Corpus BLEU with one reference per hypothesis (Papineni et al. 2002), as sacreBLEU computes it by default: tokens by the rules of the WMT
 * script {@code mteval-v13a}, n-grams up to 4, and exponential smoothing, which counts the k-th n-gram order without a match as
 * {@code 1 / 2^k} matches (Post 2018, arXiv 1804.08771).
 */
public final class Bleu {

    private static final int ORDER = 4;
    private static final Pattern SYMBOLS = Pattern.compile("([\\{-\\~\\[-\\` -\\&\\(-\\+\\:-\\@\\/])");
    private static final Pattern POINT_AFTER_NON_DIGIT = Pattern.compile("([^0-9])([\\.,])");
    private static final Pattern POINT_BEFORE_NON_DIGIT = Pattern.compile("([\\.,])([^0-9])");
    private static final Pattern DASH_AFTER_DIGIT = Pattern.compile("([0-9])(-)");

    private Bleu() {
    }

    /** BLEU in [0, 100] of {@code hypotheses} against {@code references}, pairwise. */
    public static double corpus(List<String> hypotheses, List<String> references) {
        if (hypotheses.size() != references.size() || hypotheses.isEmpty()) {
            throw new IllegalArgumentException(
                    "hypotheses: " + hypotheses.size() + ", must be at least 1 and as many as the " + references.size() + " references");
        }
        long[] matches = new long[ORDER];
        long[] totals = new long[ORDER];
        long produced = 0;
        long wanted = 0;
        for (int i = 0; i < hypotheses.size(); i++) {
            String[] hypothesis = tokens(hypotheses.get(i));
            String[] reference = tokens(references.get(i));
            produced += hypothesis.length;
            wanted += reference.length;
            for (int n = 1; n <= ORDER; n++) {
                Map<List<String>, Integer> allowed = ngrams(reference, n);
                for (Map.Entry<List<String>, Integer> entry : ngrams(hypothesis, n).entrySet()) {
                    matches[n - 1] += Math.min(entry.getValue(), allowed.getOrDefault(entry.getKey(), 0));
                    totals[n - 1] += entry.getValue();
                }
            }
        }
        return score(matches, totals, produced, wanted);
    }

    private static double score(long[] matches, long[] totals, long produced, long wanted) {
        if (matches[0] == 0) {
            return 0;
        }
        double logs = 0;
        double smoothing = 1;
        for (int n = 0; n < ORDER; n++) {
            if (totals[n] == 0) {
                return 0;
            }
            if (matches[n] == 0) {
                smoothing *= 2;
                logs += Math.log(1 / (smoothing * totals[n]));
            } else {
                logs += Math.log((double) matches[n] / totals[n]);
            }
        }
        double brevity = produced >= wanted ? 0 : 1 - (double) wanted / produced;
        return 100 * Math.exp(brevity + logs / ORDER);
    }

    /** Separates punctuation as {@code mteval-v13a} does: symbols always, points and commas unless between digits, dashes after digits. */
    static String[] tokens(String line) {
        String text = line.replace("<skipped>", "").replace("-\n", "").replace('\n', ' ');
        text = text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
        text = SYMBOLS.matcher(' ' + text + ' ').replaceAll(" $1 ");
        text = POINT_AFTER_NON_DIGIT.matcher(text).replaceAll("$1 $2 ");
        text = POINT_BEFORE_NON_DIGIT.matcher(text).replaceAll(" $1 $2");
        text = DASH_AFTER_DIGIT.matcher(text).replaceAll("$1 $2 ").strip();
        return text.isEmpty() ? new String[0] : text.split("\\s+");
    }

    private static Map<List<String>, Integer> ngrams(String[] tokens, int n) {
        Map<List<String>, Integer> counts = new HashMap<>();
        for (int i = 0; i + n <= tokens.length; i++) {
            counts.merge(Arrays.asList(Arrays.copyOfRange(tokens, i, i + n)), 1, Integer::sum);
        }
        return counts;
    }
}
