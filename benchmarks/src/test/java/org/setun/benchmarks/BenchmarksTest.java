package org.setun.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Every benchmark passes the check of its set-up and runs once; the check itself can fail. */
class BenchmarksTest {

    @Test
    void ternary() {
        TernaryBenchmark benchmark = new TernaryBenchmark();
        benchmark.threads = 2;
        benchmark.n = 1;
        benchmark.shape = "333x4097";
        benchmark.setUp();
        benchmark.ternaryGemm();
        benchmark.ternaryGemmF32();
        benchmark.tearDown();
    }

    @Test
    void network() {
        NetworkBenchmark benchmark = new NetworkBenchmark();
        benchmark.threads = 2;
        benchmark.setUp();
        benchmark.attentionBackward();
        benchmark.swiGlu();
        benchmark.crossEntropy();
        benchmark.distill();
        benchmark.adamW();
        benchmark.tearDown();
    }

    @Test
    void lowPrecision() {
        LowPrecisionBenchmark benchmark = new LowPrecisionBenchmark();
        benchmark.threads = 2;
        benchmark.setUp();
        benchmark.attentionBackward();
        benchmark.gluQuantize();
        benchmark.tearDown();
    }

    @Test
    void callOverhead() {
        CallOverheadBenchmark benchmark = new CallOverheadBenchmark();
        benchmark.setUp();
        benchmark.emptyFill();
        benchmark.emptyTernaryGemm();
        benchmark.tearDown();
    }

    @Test
    void trainingStep() {
        TrainingStepBenchmark benchmark = new TrainingStepBenchmark();
        benchmark.setUp();
        assertThat(benchmark.forwardBackward()).isFinite();
        benchmark.tearDown();
    }

    @Test
    void aWrongResultIsNotTimed() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment right = new Operands(arena).gaussian(4);
            MemorySegment wrong = arena.allocate(16).copyFrom(right);
            wrong.setAtIndex(ValueLayout.JAVA_FLOAT, 2, Float.NaN);
            assertThatThrownBy(() -> Operands.requireClose("x", right, wrong, 4, 0.1)).hasMessageContaining("nothing is timed");
        }
    }
}
