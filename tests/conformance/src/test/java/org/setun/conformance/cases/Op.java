package org.setun.conformance.cases;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.setun.conformance.cases.Filler.Values;

/**
 * An operation and how to make cases of it from a few free extents (a maker turns them into a legal shape).
 *
 * @param small extents that the grid holds fixed while another one runs through the lengths
 * @param most  largest extents
 */
public record Op(String name, int[] small, int[] most, Maker maker) {

    /** Lengths around every vector width and block size. */
    private static final int[] LENGTHS = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513,
            1000, 4095, 4096, 4097, 9000};

    /** Makes a case of given extents. */
    public interface Maker {
        Case make(int[] extents, Filler filler);
    }

    public Case make(int[] extents, Values values, long seed) {
        return maker.make(extents, new Filler(new SplittableRandom(seed), values));
    }

    /** Each extent in turn runs through the lengths while the others stay small. */
    public List<int[]> grid() {
        List<int[]> grid = new ArrayList<>();
        for (int dimension = 0; dimension < small.length; dimension++) {
            for (int length : LENGTHS) {
                if (length <= most[dimension]) {
                    int[] extents = small.clone();
                    extents[dimension] = length;
                    grid.add(extents);
                }
            }
        }
        return grid;
    }

    /** Extents drawn log-uniformly up to {@link #most}. */
    public int[] draw(SplittableRandom random) {
        return Arrays.stream(most).map(limit -> (int) Math.expm1(random.nextDouble() * Math.log1p(limit + 0.99))).toArray();
    }

    @Override
    public String toString() {
        return name;
    }
}
