package org.setun.formats;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Which names were probably meant by one that does not exist. Free-threaded. */
public final class NearNames {

    private NearNames() {
    }

    /** At most {@code count} of the candidates, those of the smallest edit distance first, equal ones in the order in which they came. */
    public static List<String> of(String name, Collection<String> candidates, int count) {
        Map<String, Integer> distances = new HashMap<>();
        candidates.forEach(candidate -> distances.computeIfAbsent(candidate, other -> distance(name, other)));
        return candidates.stream().distinct().sorted(Comparator.comparing(distances::get)).limit(count).toList();
    }

    /** Levenshtein distance: letters to insert, remove or replace. */
    public static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        Arrays.setAll(row, j -> j);
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
