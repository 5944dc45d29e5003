package org.setun.training.optimizer;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.formats.FormatException;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.nn.Parameter;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.checkpoint.TrainingState;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.OptimizerKind;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Every kind of optimizer against its formula, and what they have in common. */
class OptimizersTest {

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);
    private final Random random = new Random(7);

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private static TrainingConfig.Optimizer settings(OptimizerKind kind, double decay) {
        return Settings.of("kind=" + kind.toString().toLowerCase(Locale.ROOT), "momentum=0.9", "weight_decay=" + decay);
    }

    private Parameter matrix(String name, long rows, long columns) {
        Parameter parameter = new Parameter(name, pool, true, Shape.of(rows, columns));
        parameter.load(normal(rows * columns));
        return parameter;
    }

    private float[] normal(long count) {
        float[] values = new float[Math.toIntExact(count)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static void step(Optimizer optimizer, Parameter parameter, float[] gradient, double rate) {
        parameter.clearGradient();
        parameter.gradient().copyFrom(gradient);
        optimizer.measure();
        optimizer.update(rate, 1);
    }

    @Test
    void lambScalesTheStepToTheNormOfTheWeight() {
        Parameter w = matrix("blk.0.ffn_up.weight", 3, 5);
        Optimizer optimizer = new Optimizer(backend, pool, List.of(w), settings(OptimizerKind.LAMB, 0.1));
        double[] x = widen(w.value().toArray());
        double[] m = new double[15];
        double[] v = new double[15];
        for (int t = 1; t <= 10; t++) {
            float[] g = normal(15);
            step(optimizer, w, g, 0.05);
            double[] r = new double[15];
            double weight = 0;
            double change = 0;
            for (int i = 0; i < 15; i++) {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
                r[i] = m[i] / (1 - Math.pow(0.9, t)) / (Math.sqrt(v[i] / (1 - Math.pow(0.99, t))) + 1e-8) + 0.1 * x[i];
                weight += x[i] * x[i];
                change += r[i] * r[i];
            }
            for (int i = 0; i < 15; i++) {
                x[i] -= 0.05 * Math.sqrt(weight / change) * r[i];
            }
        }
        assertThat(widen(w.value().toArray())).containsExactly(x, within(5e-6));
    }

    private static double[] widen(float[] values) {
        double[] wide = new double[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    /** Five Newton-Schulz steps in double on either orientation, from the recurrence. */
    @Test
    void muonStepsAlongTheOrthogonalizedMomentum() {
        for (long[] shape : new long[][]{{4, 9}, {9, 4}, {6, 6}}) {
            int rows = (int) shape[0];
            int columns = (int) shape[1];
            Parameter w = matrix("blk.0.ffn_up.weight", rows, columns);
            Optimizer optimizer = new Optimizer(backend, pool, List.of(w), settings(OptimizerKind.MUON, 0.1));
            double[] x = widen(w.value().toArray());
            double[] m = new double[x.length];
            for (int t = 0; t < 3; t++) {
                float[] g = normal(x.length);
                step(optimizer, w, g, 0.02);
                double[][] u = new double[rows][columns];
                double norm = 0;
                for (int i = 0; i < x.length; i++) {
                    m[i] = 0.9 * m[i] + g[i];
                    u[i / columns][i % columns] = g[i] + 0.9 * m[i];
                    norm += u[i / columns][i % columns] * u[i / columns][i % columns];
                }
                double scale = 1 / (Math.sqrt(norm) + 1e-7);
                double[][] wide = rows <= columns ? u : transpose(u);
                for (double[] row : wide) {
                    for (int j = 0; j < row.length; j++) {
                        row[j] *= scale;
                    }
                }
                for (int s = 0; s < 5; s++) {
                    double[][] squares = multiply(wide, transpose(wide));
                    double[][] fourth = multiply(squares, squares);
                    for (int i = 0; i < squares.length; i++) {
                        for (int j = 0; j < squares.length; j++) {
                            squares[i][j] = -4.7750 * squares[i][j] + 2.0315 * fourth[i][j];
                        }
                    }
                    double[][] change = multiply(squares, wide);
                    for (int i = 0; i < wide.length; i++) {
                        for (int j = 0; j < wide[i].length; j++) {
                            wide[i][j] = 3.4445 * wide[i][j] + change[i][j];
                        }
                    }
                }
                u = rows <= columns ? wide : transpose(wide);
                for (int i = 0; i < x.length; i++) {
                    x[i] = x[i] * (1 - 0.02 * 0.1) - 0.02 * 0.2 * Math.sqrt(Math.max(rows, columns)) * u[i / columns][i % columns];
                }
            }
            assertThat(widen(w.value().toArray())).containsExactly(x, within(2e-5));
        }
    }

    private static double[][] transpose(double[][] a) {
        double[][] t = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                t[j][i] = a[i][j];
            }
        }
        return t;
    }

    private static double[][] multiply(double[][] a, double[][] b) {
        double[][] c = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < b[0].length; j++) {
                for (int k = 0; k < b.length; k++) {
                    c[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return c;
    }

    @Test
    void muonLeavesEmbeddingsAndVectorsToAdam() {
        Parameter hidden = matrix("blk.0.attn_q.weight", 4, 4);
        Parameter embedding = matrix("token_embd.weight", 4, 4);
        Parameter norm = new Parameter("blk.0.attn_norm.weight", pool, false, Shape.of(4));
        Optimizer optimizer = new Optimizer(backend, pool, List.of(hidden, embedding, norm), settings(OptimizerKind.MUON, 0));
        assertThat(optimizer.state().stream().map(NamedTensor::name)).containsExactly("blk.0.attn_q.weight.m", "token_embd.weight.m",
                "token_embd.weight.v", "blk.0.attn_norm.weight.m", "blk.0.attn_norm.weight.v");
    }

    /** The least squares fit of a linear map: every kind gets near it. */
    @ParameterizedTest
    @EnumSource(OptimizerKind.class)
    void everyKindLowersALoss(OptimizerKind kind) {
        int rows = kind == OptimizerKind.ADAMW8BIT ? 64 : 8; // moments of 8 bits need a larger tensor
        int size = rows * rows;
        Parameter w = matrix("blk.0.ffn_up.weight", rows, rows);
        float[] target = normal(size);
        Optimizer optimizer = new Optimizer(backend, pool, List.of(w), settings(kind, 0));
        double before = distance(w, target);
        for (int t = 0; t < 150; t++) {
            float[] g = new float[size];
            float[] x = w.value().toArray();
            for (int i = 0; i < size; i++) {
                g[i] = x[i] - target[i];
            }
            step(optimizer, w, g, kind == OptimizerKind.MUON ? 0.1 : 0.03);
        }
        assertThat(distance(w, target)).isLessThan(0.2 * before);
    }

    private static double distance(Parameter w, float[] target) {
        float[] x = w.value().toArray();
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += (x[i] - target[i]) * (double) (x[i] - target[i]);
        }
        return Math.sqrt(sum);
    }

    /** State and count of updates are all there is: another optimizer that is given them goes on with the same bits. */
    @ParameterizedTest
    @EnumSource(OptimizerKind.class)
    void stateIsComplete(OptimizerKind kind) {
        int size = 64 * 65;
        Parameter first = matrix("blk.0.ffn_up.weight", 64, 65);
        Parameter second = new Parameter("blk.0.ffn_up.weight", pool, true, Shape.of(64, 65));
        Optimizer one = new Optimizer(backend, pool, List.of(first), settings(kind, 0.1));
        Optimizer other = new Optimizer(backend, pool, List.of(second), settings(kind, 0.1));
        for (int t = 0; t < 3; t++) {
            step(one, first, normal(size), 0.01);
        }
        second.load(first.value().toArray());
        List<NamedTensor> from = one.state();
        List<NamedTensor> to = other.state();
        for (int i = 0; i < from.size(); i++) {
            assertThat(to.get(i).name()).isEqualTo(from.get(i).name());
            to.get(i).data().copyFrom(from.get(i).data());
        }
        other.updates(one.updates());
        for (int t = 0; t < 3; t++) {
            float[] g = normal(size);
            step(one, first, g, 0.01);
            step(other, second, g, 0.01);
        }
        assertThat(second.value().toArray()).containsExactly(first.value().toArray());
    }

    @Test
    void clippingScalesTheGradientOfEveryKind() {
        for (OptimizerKind kind : List.of(OptimizerKind.SGD, OptimizerKind.MUON)) {
            TrainingConfig.Optimizer clipped = Settings.of("kind=" + kind.toString().toLowerCase(Locale.ROOT), "momentum=0.5",
                    "clip_norm=1");
            Parameter w = matrix("blk.0.ffn_up.weight", 2, 2);
            Optimizer optimizer = new Optimizer(backend, pool, List.of(w), clipped);
            step(optimizer, w, new float[]{3, 0, 0, 4}, 0.1);
            Tensor momentum = Tensor.of(pool, new float[4], 4);
            momentum.segment().copyFrom(optimizer.state().getFirst().data());
            assertThat(momentum.segment().getAtIndex(ValueLayout.JAVA_FLOAT, 0)).as("3 / 5").isEqualTo(0.6f, within(1e-6f));
            assertThat(momentum.segment().getAtIndex(ValueLayout.JAVA_FLOAT, 3)).isEqualTo(0.8f, within(1e-6f));
        }
    }

    @Test
    void smallTensorsKeepWideMoments() {
        Parameter large = matrix("blk.0.ffn_up.weight", 64, 64);
        Parameter small = matrix("blk.0.ffn_gate.weight", 63, 65);
        Optimizer optimizer = new Optimizer(backend, pool, List.of(large, small), settings(OptimizerKind.ADAMW8BIT, 0));
        assertThat(optimizer.state().stream().map(tensor -> tensor.name() + " " + tensor.type() + Arrays.toString(tensor.shape())))
                .containsExactly("blk.0.ffn_up.weight.m I8[64, 64]", "blk.0.ffn_up.weight.v I8[64, 64]",
                        "blk.0.ffn_up.weight.m_scale F32[16]",
                        "blk.0.ffn_up.weight.v_scale F32[16]", "blk.0.ffn_gate.weight.m F32[63, 65]",
                        "blk.0.ffn_gate.weight.v F32[63, 65]");
    }

    @Test
    void adafactorKeepsOneValueForEachRowAndColumn() {
        Parameter w = matrix("blk.0.ffn_up.weight", 6, 8);
        Parameter norm = new Parameter("blk.0.attn_norm.weight", pool, false, Shape.of(5));
        norm.load(normal(5));
        Optimizer optimizer = new Optimizer(backend, pool, List.of(w, norm), settings(OptimizerKind.ADAFACTOR, 0));
        assertThat(optimizer.state().stream().map(tensor -> tensor.name() + Arrays.toString(tensor.shape()))).containsExactly(
                "blk.0.ffn_up.weight.r[6]", "blk.0.ffn_up.weight.c[8]", "blk.0.attn_norm.weight.r[1]", "blk.0.attn_norm.weight.c[5]");
        float[] before = norm.value().toArray();
        float[] g = {1, -2, 3, -4, 5};
        norm.clearGradient();
        norm.gradient().copyFrom(g);
        w.clearGradient();
        optimizer.measure();
        optimizer.update(0.1, 1);
        float[] after = norm.value().toArray();
        for (int i = 0; i < 5; i++) {
            assertThat(before[i] - after[i]).as("the first step of a vector is the sign of its gradient").isEqualTo(
                    0.1f * Math.signum(g[i]),
                    within(1e-6f));
        }
    }

    @Test
    void checkpointsHoldMomentsOfEightBits(@TempDir Path folder) throws IOException {
        Parameter w = matrix("blk.0.ffn_up.weight", 64, 65);
        Optimizer first = new Optimizer(backend, pool, List.of(w), settings(OptimizerKind.ADAMW8BIT, 0));
        Optimizer second = new Optimizer(backend, pool, List.of(w), settings(OptimizerKind.ADAMW8BIT, 0));
        Optimizer wide = new Optimizer(backend, pool, List.of(w), settings(OptimizerKind.ADAMW, 0));
        step(first, w, normal(64 * 65), 0.01);
        TrainingState state = new TrainingState("run", 1, 1, 8, 0, 8, 1, 0.5, List.of(), Map.of(), Map.of());
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            Checkpoint checkpoint = Checkpoint.open(store.save(state, List.of(), first.state(), Map.of()));
            checkpoint.loadMoments(second.state());
            for (int i = 0; i < 4; i++) {
                assertThat(second.state().get(i).data().mismatch(first.state().get(i).data())).as(first.state().get(i).name())
                        .isEqualTo(-1);
            }
            assertThat(first.state().getFirst().data().toArray(ValueLayout.JAVA_BYTE)).as("codes").contains(-128);
            assertThatThrownBy(() -> checkpoint.loadMoments(wide.state())).isInstanceOf(FormatException.class);
        }
    }
}
