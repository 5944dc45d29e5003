package org.setun.training.optimizer;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.nn.Parameter;
import org.setun.nn.Shape;
import org.setun.training.config.TrainingConfig;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

class AdamWTest {

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private Parameter parameter(String name, boolean decay, float... values) {
        Parameter parameter = new Parameter(name, pool, decay, Shape.of(values.length));
        parameter.load(values);
        return parameter;
    }

    private static void gradient(Parameter parameter, float... values) {
        parameter.clearGradient();
        parameter.gradient().copyFrom(values);
    }

    private static TrainingConfig.Optimizer settings(double decay, double clip, boolean norms, boolean embeddings) {
        return Settings.of("weight_decay=" + decay, "clip_norm=" + clip, "decay_norms=" + norms, "decay_embeddings=" + embeddings);
    }

    /** The first value of tensor {@code index} of the state: m and v of each parameter in turn. */
    private static float moment(Optimizer optimizer, int index) {
        return optimizer.state().get(index).data().get(ValueLayout.JAVA_FLOAT, 0);
    }

    /** Three updates of one value against the formula of Loshchilov and Hutter, in double precision. */
    @Test
    void followsTheFormulaWithBiasCorrectionAndDecoupledDecay() {
        Parameter w = parameter("blk.0.ffn_up.weight", true, 0.5f, -2f);
        Optimizer adam = new Optimizer(backend, pool, List.of(w), settings(0.1, 0, false, false));
        double[] x = {0.5, -2};
        double[] m = new double[2];
        double[] v = new double[2];
        float[][] gradients = {{0.3f, -1f}, {0.1f, 4f}, {-0.2f, 0f}};
        for (int t = 1; t <= 3; t++) {
            gradient(w, gradients[t - 1]);
            adam.measure();
            adam.update(0.01, 1);
            for (int i = 0; i < 2; i++) {
                double g = gradients[t - 1][i];
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.99 * v[i] + 0.01 * g * g;
                x[i] -= 0.01 * (m[i] / (1 - Math.pow(0.9, t)) / (Math.sqrt(v[i] / (1 - Math.pow(0.99, t))) + 1e-8) + 0.1 * x[i]);
                assertThat(w.value().toArray()[i]).isEqualTo((float) x[i], within(1e-6f));
            }
        }
        assertThat(adam.updates()).isEqualTo(3);
    }

    @Test
    void theGlobalNormIsMeasuredOverAllParametersAndClipped() {
        Parameter a = parameter("a.weight", true, 0f);
        Parameter b = parameter("b.weight", true, 0f);
        Optimizer adam = new Optimizer(backend, pool, List.of(a, b), settings(0, 1, false, false));
        gradient(a, 3f);
        gradient(b, 4f);
        assertThat(adam.measure()).isEqualTo(5, within(1e-6));
        adam.update(1, 1);
        assertThat(moment(adam, 0)).as("0.1 * 3 / 5").isEqualTo(0.06f, within(1e-7f));
        assertThat(moment(adam, 2)).isEqualTo(0.08f, within(1e-7f));
    }

    @Test
    void aSmallGradientIsNotClippedAndANanIsSeen() {
        Parameter a = parameter("a.weight", true, 0f);
        Optimizer adam = new Optimizer(backend, pool, List.of(a), settings(0, 1, false, false));
        gradient(a, 0.5f);
        adam.measure();
        adam.update(1, 1);
        assertThat(moment(adam, 0)).isEqualTo(0.05f, within(1e-7f));
        gradient(a, Float.NaN);
        assertThat(adam.measure()).isNaN();
    }

    @Test
    void normsAndEmbeddingsDecayOnlyWhenAskedAndNothingWhenTheScheduleSaysSo() {
        for (boolean norms : new boolean[]{false, true}) {
            for (boolean embeddings : new boolean[]{false, true}) {
                Parameter matrix = parameter("blk.0.attn_q.weight", true, 1f);
                Parameter norm = parameter("output_norm.weight", false, 1f);
                Parameter embedding = parameter("token_embd.weight", true, 1f);
                List<Parameter> all = List.of(matrix, norm, embedding);
                Optimizer adam = new Optimizer(backend, pool, all, settings(0.5, 1, norms, embeddings));
                all.forEach(p -> gradient(p, 0f));
                adam.measure();
                adam.update(0.1, 0);
                assertThat(matrix.value().toArray()[0]).as("decay switched off").isEqualTo(1f);
                adam.measure();
                adam.update(0.1, 1);
                assertThat(matrix.value().toArray()[0]).isEqualTo(0.95f, within(1e-7f));
                assertThat(norm.value().toArray()[0]).isEqualTo(norms ? 0.95f : 1f, within(1e-7f));
                assertThat(embedding.value().toArray()[0]).isEqualTo(embeddings ? 0.95f : 1f, within(1e-7f));
            }
        }
    }

    @Test
    void anUpdateTellsPackedCopiesThatTheValueHasChanged() {
        Parameter a = parameter("a.weight", true, 1f);
        Optimizer adam = new Optimizer(backend, pool, List.of(a), settings(0, 1, false, false));
        gradient(a, 1f);
        long before = a.version();
        adam.measure();
        adam.update(0.1, 1);
        assertThat(a.version()).isGreaterThan(before);
    }
}
