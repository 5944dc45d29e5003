package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.setun.kernels.NnOps.Attention;
import org.setun.kernels.NnOps.Divergence;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.NnOps.Rope;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Forward operations by hand-computed values, edges and invariants. */
class NnForwardTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    @Test
    void rmsNormByHand() {
        MemorySegment y = OffHeap.floats(2);
        MemorySegment rstd = OffHeap.floats(1);
        backend.rmsNormForward(OffHeap.of(3f, 4f), OffHeap.of(1f, 2f), 1, 2, 0, y, rstd);
        float r = (float) (1 / Math.sqrt(12.5));
        assertThat(OffHeap.toFloats(rstd)).containsExactly(r);
        assertThat(OffHeap.toFloats(y)[0]).isCloseTo(3 * r, within(1e-7f));
        assertThat(OffHeap.toFloats(y)[1]).isCloseTo(8 * r, within(2e-7f));
    }

    @Test
    void rmsNormOfZerosIsZeroAndOfNaNIsNaN() {
        MemorySegment y = OffHeap.floats(4);
        backend.rmsNormForward(OffHeap.of(0f, 0f, 1f, Float.NaN), OffHeap.of(1f, 1f), 2, 2, 1e-5f, y, null);
        assertThat(OffHeap.toFloats(y)).containsExactly(0f, 0f, Float.NaN, Float.NaN);
    }

    @Test
    void ropeRotatesThePairsOfItsConvention() {
        MemorySegment positions = OffHeap.of(1);
        MemorySegment interleaved = OffHeap.of(1f, 0f, 0f, 1f);
        MemorySegment halves = OffHeap.of(1f, 0f, 0f, 1f);
        backend.rope(interleaved, 1, 1, 4, 4, positions, 10000, Rope.INTERLEAVED, false);
        backend.rope(halves, 1, 1, 4, 4, positions, 10000, Rope.HALVES, false);
        float c0 = (float) Math.cos(1);
        float s0 = (float) Math.sin(1);
        float c1 = (float) Math.cos(0.01);
        float s1 = (float) Math.sin(0.01);
        assertThat(OffHeap.toFloats(interleaved)).containsExactly(c0, s0, -s1, c1);
        assertThat(OffHeap.toFloats(halves)).containsExactly(c0, -s1, s0, c1);
    }

    @Test
    void ropeMakesScoresDependOnDistanceAlone() {
        float[] score = new float[2];
        for (int shift = 0; shift < 2; shift++) {
            MemorySegment x = OffHeap.gaussian(new SplittableRandom(30), 16, 1);
            backend.rope(x, 2, 1, 8, 8, OffHeap.of(3 + 50 * shift, 10 + 50 * shift), 500_000, Rope.HALVES, false);
            for (int i = 0; i < 8; i++) {
                score[shift] += Segments.f32(x, i) * Segments.f32(x, 8 + i);
            }
        }
        assertThat(score[0]).isCloseTo(score[1], within(1e-5f));
    }

    @Test
    void attentionSeesOnlyThePast() {
        Attention shape = new Attention(1, 2, 3, 1, 1, 1, 1, 1, 1, 0);
        MemorySegment out = OffHeap.floats(2);
        MemorySegment lse = OffHeap.floats(2);
        MemorySegment v = OffHeap.of(1f, 3f, 1000f);
        backend.attentionForward(shape, OffHeap.of(0f, 0f), OffHeap.of(5f, -5f, 0f), v, out, lse);
        assertThat(OffHeap.toFloats(out)).containsExactly(2f, (float) (1004.0 / 3));
        assertThat(OffHeap.toFloats(lse)).containsExactly((float) Math.log(2), (float) Math.log(3));
    }

    @Test
    void attentionSurvivesHugeScores() {
        Attention shape = new Attention(1, 2, 2, 1, 1, 1, 1, 1, 1, 0);
        MemorySegment out = OffHeap.floats(2);
        backend.attentionForward(shape, OffHeap.of(1e4f, 1e4f), OffHeap.of(1e4f, -1e4f), OffHeap.of(7f, 8f), out, null);
        assertThat(OffHeap.toFloats(out)).containsExactly(7f, 7f);
    }

    @Test
    void groupsOfQueryHeadsShareAKeyHead() {
        Attention shape = new Attention(1, 1, 1, 4, 2, 1, 1, 4, 2, 0);
        MemorySegment out = OffHeap.floats(4);
        backend.attentionForward(shape, OffHeap.floats(4), OffHeap.floats(2), OffHeap.of(5f, 6f), out, null);
        assertThat(OffHeap.toFloats(out)).containsExactly(5f, 5f, 6f, 6f);
    }

    @Test
    void gatedUnitsByHand() {
        MemorySegment gate = OffHeap.of(-1f, 0f, 3f, -1000f);
        MemorySegment up = OffHeap.of(2f, 2f, 2f, 2f);
        MemorySegment y = OffHeap.floats(4);
        backend.gluForward(Glu.RELU2, gate, up, 1, 4, y);
        assertThat(OffHeap.toFloats(y)).containsExactly(0f, 0f, 18f, 0f);
        backend.gluForward(Glu.SILU, gate, up, 1, 4, y);
        assertThat(OffHeap.toFloats(y)[0]).isEqualTo((float) (-2 / (1 + Math.E)));
        assertThat(OffHeap.toFloats(y)[2]).isEqualTo((float) (6 / (1 + Math.exp(-3))));
        assertThat(OffHeap.toFloats(y)[3]).isZero();
    }

    @Test
    void elementwiseOperations() {
        MemorySegment y = OffHeap.of(Float.NaN, 4f);
        backend.axpby(2, OffHeap.of(1f, 3f), 0, y, 2);
        assertThat(OffHeap.toFloats(y)).as("b = 0 does not read y").containsExactly(2f, 6f);
        backend.axpby(1, OffHeap.of(10f, 20f), 0.5f, y, 2);
        assertThat(OffHeap.toFloats(y)).containsExactly(11f, 23f);
        backend.biasForward(OffHeap.of(1f), 2, 1, y);
        assertThat(OffHeap.toFloats(y)).containsExactly(12f, 24f);
        backend.fill(y, 1, -1);
        assertThat(OffHeap.toFloats(y)).containsExactly(-1f, 24f);
        MemorySegment relu = OffHeap.floats(4);
        backend.reluForward(OffHeap.of(-2f, 3f, Float.NaN, Float.NEGATIVE_INFINITY), 4, relu);
        assertThat(OffHeap.toFloats(relu)).containsExactly(0f, 3f, Float.NaN, 0f);
    }

    @Test
    void crossEntropyByHandAndInPlace() {
        MemorySegment logits = OffHeap.of(0f, 0f, 0f, 0f, 1000f, 0f, 1f, 2f);
        MemorySegment loss = OffHeap.floats(4);
        backend.crossEntropy(logits, OffHeap.of(1, 0, 0, -1), 4, 2, loss, logits, 2);
        assertThat(OffHeap.toFloats(loss)).containsExactly((float) Math.log(2), (float) Math.log(2), 0f, 0f);
        assertThat(OffHeap.toFloats(logits)).containsExactly(1f, -1f, -1f, 1f, 0f, 0f, 0f, 0f);
    }

    /** Smoothing 1/2 over four classes: the target distribution is 5/8 and three times 1/8. */
    @Test
    void smoothedCrossEntropyByHand() {
        MemorySegment logits = OffHeap.of(0f, 0f, 0f, 0f, (float) Math.log(2), 0f, 0f, 0f);
        MemorySegment loss = OffHeap.floats(2);
        MemorySegment gradient = OffHeap.floats(8);
        backend.crossEntropy(logits, OffHeap.of(1, 0), 2, 4, loss, gradient, 1, 0.5f);
        float second = (float) (Math.log(5) - 0.625 * Math.log(2));
        assertThat(OffHeap.toFloats(loss)).containsExactly(new float[]{(float) Math.log(4), second}, within(1e-6f));
        assertThat(OffHeap.toFloats(gradient)).containsExactly(
                new float[]{0.125f, -0.375f, 0.125f, 0.125f, 0.4f - 0.625f, 0.075f, 0.075f, 0.075f}, within(1e-6f));
        assertThatThrownBy(() -> backend.crossEntropy(logits, OffHeap.of(1, 0), 2, 4, loss, gradient, 1, 1.5f))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("labelSmoothing = 1.5");
    }

    /** p = (1/4, 3/4) of the teacher, q = (1/2, 1/2) of the student. */
    @Test
    void distancesOfDistributionsByHand() {
        MemorySegment teacher = OffHeap.of(0f, 2 * (float) Math.log(3));
        MemorySegment student = OffHeap.of(7f, 7f);
        double forward = 0.25 * Math.log(0.5) + 0.75 * Math.log(1.5);
        double reverse = 0.5 * Math.log(2) + 0.5 * Math.log(2 / 3.0);
        double jensen = (0.25 * Math.log(2 / 3.0) + 0.75 * Math.log(1.2) + 0.5 * Math.log(4 / 3.0) + 0.5 * Math.log(0.8)) / 2;
        assertThat(distilled(Divergence.FORWARD, student, teacher)).containsExactly(new double[]{4 * forward, 0.5, -0.5}, within(1e-6));
        double slope = 0.5 * 0.5 * Math.log(3); // q (log(q / p) - KL)
        assertThat(distilled(Divergence.REVERSE, student, teacher)).containsExactly(new double[]{4 * reverse, 2 * slope, -2 * slope},
                within(1e-6));
        assertThat(distilled(Divergence.JENSEN, student, teacher)[0]).isCloseTo(4 * jensen, within(1e-6));
        for (Divergence divergence : Divergence.values()) {
            assertThat(distilled(divergence, teacher, teacher)).containsOnly(0);
        }
    }

    /** Loss and gradient at temperature 2. */
    private double[] distilled(Divergence divergence, MemorySegment student, MemorySegment teacher) {
        MemorySegment loss = OffHeap.floats(1);
        MemorySegment gradient = OffHeap.floats(2);
        backend.distill(divergence, 2, student, teacher, null, 1, 2, loss, gradient, 1);
        float[] slope = OffHeap.toFloats(gradient);
        return new double[]{OffHeap.toFloats(loss)[0], slope[0], slope[1]};
    }

    @Test
    void distillationRefusesBadArguments() {
        MemorySegment x = OffHeap.floats(4);
        MemorySegment loss = OffHeap.floats(2);
        assertThatThrownBy(() -> backend.distill(Divergence.FORWARD, 0, x, x, null, 2, 2, loss, null, 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("temperature = 0.0 must be in");
        assertThatThrownBy(() -> backend.distill(Divergence.FORWARD, 1, x, x, OffHeap.of(1f, -1f), 2, 2, loss, null, 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("weights[1] = -1.0 must be finite and not negative");
    }

    @Test
    void indicesOutsideTheirRangeAreNamed() {
        MemorySegment some = OffHeap.floats(4);
        assertThatThrownBy(() -> backend.embeddingForward(OffHeap.of(0, 5), 2, some, 2, 2, some))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("ids[1] = 5 must be in [0, 2)");
        assertThatThrownBy(() -> backend.crossEntropy(some, OffHeap.of(-2), 1, 2, some, null, 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("targets[0] = -2 must be in [-1, 2)");
        assertThatThrownBy(() -> backend.rope(some, 1, 1, 2, 2, OffHeap.of(-1), 1e4f, Rope.HALVES, false))
                .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("positions[0] = -1 must be in [0, ");
    }

    @Test
    void productsWithEveryTransposition() {
        SplittableRandom random = new SplittableRandom(31);
        int m = 3;
        int n = 300; // more than one block of columns
        int k = 5;
        for (int variant = 0; variant < 4; variant++) {
            boolean transA = variant % 2 == 1;
            boolean transB = variant / 2 == 1;
            int lda = (transA ? m : k) + 1;
            int ldb = (transB ? k : n) + 2;
            MemorySegment a = OffHeap.gaussian(random, (transA ? k : m) * lda, 1);
            MemorySegment b = OffHeap.gaussian(random, (transB ? n : k) * ldb, 1);
            MemorySegment c = OffHeap.gaussian(random, m * n, 1);
            float[] before = OffHeap.toFloats(c);
            backend.gemmF32(transA, transB, m, n, k, 2, a, lda, b, ldb, 0.5f, c, n);
            for (int i = 0; i < m * n; i++) {
                double expected = 0.5 * before[i];
                for (int p = 0; p < k; p++) {
                    double left = Segments.f32(a, transA ? p * lda + i / n : i / n * lda + p);
                    double right = Segments.f32(b, transB ? i % n * ldb + p : p * ldb + i % n);
                    expected += 2 * left * right;
                }
                assertThat(Segments.f32(c, i)).isCloseTo((float) expected, within(1e-5f));
            }
        }
    }

    @Test
    void aProductOverNothingScalesOrClears() {
        MemorySegment c = OffHeap.of(3f, Float.NaN);
        MemorySegment none = OffHeap.floats(0);
        backend.gemmF32(false, false, 1, 1, 0, 1, none, 0, none, 1, 0.5f, c, 1);
        backend.gemmF32(false, false, 1, 1, 0, 1, none, 0, none, 1, 0, c.asSlice(4), 1);
        assertThat(OffHeap.toFloats(c)).containsExactly(1.5f, 0f);
    }
}
