package org.setun.quant.budget;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PrecisionBudgetTest {

    private static List<List<Option>> table(long seed, int tensors, int formats) {
        SplittableRandom random = new SplittableRandom(seed);
        List<List<Option>> table = new ArrayList<>();
        for (int t = 0; t < tensors; t++) {
            List<Option> options = new ArrayList<>();
            for (int f = 0; f <= random.nextInt(formats); f++) {
                options.add(new Option("f" + f, random.nextInt(30), random.nextInt(100) - 5 + random.nextInt(2) * random.nextDouble()));
            }
            table.add(options);
        }
        return table;
    }

    private static double bruteForce(List<List<Option>> table, int at, long budget, double loss) {
        if (budget < 0) {
            return Double.POSITIVE_INFINITY;
        }
        if (at == table.size()) {
            return loss;
        }
        double best = Double.POSITIVE_INFINITY;
        for (Option option : table.get(at)) {
            best = Math.min(best, bruteForce(table, at + 1, budget - option.bytes(), loss + option.loss()));
        }
        return best;
    }

    private static void check(Allocation allocation, List<List<Option>> table, long budget) {
        assertThat(allocation.bytes()).isLessThanOrEqualTo(budget);
        assertThat(allocation.options()).hasSameSizeAs(table);
        assertThat(allocation.bytes()).isEqualTo(allocation.options().stream().mapToLong(Option::bytes).sum());
        for (int t = 0; t < table.size(); t++) {
            assertThat(table.get(t)).contains(allocation.options().get(t));
        }
    }

    @Property(tries = 300)
    void exactIsWhatTryingAllGives(@ForAll long seed, @ForAll @IntRange(min = 0, max = 6) int tensors,
            @ForAll @IntRange(max = 60) int more) {
        List<List<Option>> table = table(seed, tensors, 5);
        PrecisionBudget choice = new PrecisionBudget(table);
        long budget = choice.leastBytes() + more;
        Allocation exact = choice.exact(budget);
        check(exact, table, budget);
        assertThat(exact.loss()).isEqualTo(bruteForce(table, 0, budget, 0));
    }

    @Property(tries = 300)
    void greedyKeepsTheBudgetAndExactIsNoWorse(@ForAll long seed, @ForAll @IntRange(min = 1, max = 40) int tensors,
            @ForAll @IntRange(max = 600) int more) {
        List<List<Option>> table = table(seed, tensors, 8);
        PrecisionBudget choice = new PrecisionBudget(table);
        long budget = choice.leastBytes() + more;
        Allocation greedy = choice.greedy(budget);
        Allocation exact = choice.exact(budget);
        check(greedy, table, budget);
        check(exact, table, budget);
        assertThat(exact.loss()).isLessThanOrEqualTo(greedy.loss());
    }

    @Test
    void aModelOfManyLayersIsSolvedExactly() {
        SplittableRandom random = new SplittableRandom(1);
        long[] sizes = {4096L * 4096, 4096L * 1024, 4096L * 14336};
        double[] bits = {2.0625, 2.625, 3.0625, 3.4375, 4.5, 6.5625, 8.5};
        List<List<Option>> table = new ArrayList<>();
        for (int t = 0; t < 224; t++) {
            long size = sizes[t % 3];
            double sensitivity = Math.exp(random.nextGaussian());
            List<Option> options = new ArrayList<>();
            for (double b : bits) {
                options.add(new Option("" + b, (long) (size * b / 8),
                        size * sensitivity * Math.pow(2, -2 * b) * (1 + 0.1 * random.nextDouble())));
            }
            table.add(options);
        }
        PrecisionBudget choice = new PrecisionBudget(table);
        long budget = choice.leastBytes() * 3 / 2;
        Allocation greedy = choice.greedy(budget);
        Allocation exact = choice.exact(budget);
        check(exact, table, budget);
        assertThat(exact.loss()).isLessThanOrEqualTo(greedy.loss()).isGreaterThan(0.99 * greedy.loss());
    }

    @Test
    void whatCannotBeIsRefused() {
        PrecisionBudget choice = new PrecisionBudget(List.of(List.of(new Option("a", 10, 1), new Option("b", 20, 0))));
        assertThat(choice.exact(10).options().getFirst().name()).isEqualTo("a");
        assertThat(choice.exact(20).options().getFirst().name()).isEqualTo("b");
        assertThatThrownBy(() -> choice.greedy(9)).hasMessageContaining("budget = 9");
        assertThatThrownBy(() -> choice.exact(-1)).hasMessageContaining("below the 10");
        assertThatThrownBy(() -> new PrecisionBudget(List.of(List.of()))).hasMessageContaining("tensors[0]");
        assertThatThrownBy(() -> new Option("x", -1, 0)).hasMessageContaining("bytes = -1");
        assertThatThrownBy(() -> new Option("x", 1, Double.NaN)).hasMessageContaining("loss = NaN");
    }
}
