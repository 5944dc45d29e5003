package org.setun.training.optimizer;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Shape;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.Granularity;
import org.setun.quant.TernaryAbsmean;
import org.setun.quant.TernaryWeight;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.ScaleRule;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** What is done to quantized layers around a step, and learning rates of their own. */
class QuantizedLayersTest {

    private static final int ROWS = 8;
    private static final int COLUMNS = 16;
    private static final int COUNT = ROWS * COLUMNS;

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);
    private final Random random = new Random(11);

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private record OneLayer(BitLinear layer) implements Model {

        @Override
        public List<Parameter> parameters() {
            return layer.parameters();
        }

        @Override
        public List<Linear> linears() {
            return List.of(layer);
        }

        Parameter weight() {
            return layer.weight();
        }
    }

    private OneLayer layer(WeightQuantizer quantizer) {
        Parameter weight = new Parameter("blk.0.ffn_up.weight", pool, true, Shape.of(ROWS, COLUMNS));
        weight.load(normal());
        return new OneLayer(new BitLinear(weight, null, new Quantization(quantizer, null)));
    }

    private OneLayer ternary() {
        return layer(new TernaryAbsmean());
    }

    private float[] normal() {
        float[] values = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private Optimizer optimizer(OneLayer model, TrainingConfig.Optimizer settings) {
        Optimizer optimizer = new Optimizer(backend, pool, model.parameters(), settings);
        optimizer.constrain(new QuantizedLayers(backend, pool, model, settings, 100));
        return optimizer;
    }

    private static void step(Optimizer optimizer, Parameter parameter, float[] gradient, double rate) {
        parameter.clearGradient();
        parameter.gradient().copyFrom(gradient);
        optimizer.measure();
        optimizer.update(rate, 1);
    }

    private byte[] codes(OneLayer model) {
        return ((TernaryWeight) model.layer.quantizedWeight(backend)).unpack(backend, pool).toByteArray();
    }

    /** The step of all parameters, then all constraints, then all checks; each sees what those before it did. */
    @Test
    void theStepComesBeforeConstraintsAndTheseBeforeValidation() {
        OneLayer model = ternary();
        float[] start = model.weight().value().toArray();
        Optimizer optimizer = new Optimizer(backend, pool, model.parameters(), Settings.of("kind=sgd", "momentum=0"));
        List<String> calls = new ArrayList<>();
        for (String name : List.of("a", "b")) {
            optimizer.constrain(new WeightConstraint() {
                @Override
                public void begin(long update) {
                    calls.add("begin " + name + update + " stepped=" + (model.weight().value().toArray()[0] != start[0]));
                }

                @Override
                public void apply(long update) {
                    calls.add("apply " + name + update + " stepped=" + (model.weight().value().toArray()[0] != start[0]));
                }

                @Override
                public void validate(long update) {
                    calls.add("validate " + name + update);
                }
            });
        }
        float[] gradient = new float[COUNT];
        gradient[0] = 1;
        step(optimizer, model.weight(), gradient, 0.1);
        assertThat(calls).containsExactly("begin a1 stepped=false", "begin b1 stepped=false", "apply a1 stepped=true",
                "apply b1 stepped=true",
                "validate a1", "validate b1");
    }

    @Test
    void latentWeightsStayWithinTheirLimit() {
        OneLayer model = ternary();
        Optimizer optimizer = optimizer(model, Settings.of("kind=sgd", "momentum=0", "latent_clip=1.5"));
        double scale = model.layer.quantizedWeight(backend).scales().item();
        float[] before = model.weight().value().toArray();
        step(optimizer, model.weight(), new float[COUNT], 0.1);
        float[] after = model.weight().value().toArray();
        float most = (float) (1.5f * scale);
        for (int i = 0; i < COUNT; i++) {
            assertThat(after[i]).isEqualTo(Math.max(-most, Math.min(most, before[i])), within(1e-6f));
        }
        assertThat(before).as("there was something to cut").isNotEqualTo(after);
    }

    /** Of signed levels the outermost is -4 scales; a scale for each row. */
    @Test
    void theLimitFollowsLevelsAndTheirScales() {
        OneLayer model = layer(new FakeQuantizer(new FakeQuantRule(QuantLevels.signed(3), new Estimator.Identity()), ScaleRule.ABSMEAN,
                Granularity.CHANNEL));
        Optimizer optimizer = optimizer(model, Settings.of("kind=sgd", "momentum=0", "latent_clip=0.5"));
        float[] scales = model.layer.quantizedWeight(backend).scales().toArray();
        float[] before = model.weight().value().toArray();
        step(optimizer, model.weight(), new float[COUNT], 0.1);
        float[] after = model.weight().value().toArray();
        assertThat(scales).hasSize(ROWS);
        for (int i = 0; i < COUNT; i++) {
            float most = 2 * scales[i / COLUMNS];
            assertThat(after[i]).isEqualTo(Math.max(-most, Math.min(most, before[i])), within(1e-6f));
        }
    }

    @Test
    void changesOfCodesAreCounted() {
        OneLayer model = ternary();
        TrainingConfig.Optimizer settings = Settings.of("kind=sgd", "momentum=0", "track_codes=true");
        Optimizer optimizer = new Optimizer(backend, pool, model.parameters(), settings);
        QuantizedLayers layers = new QuantizedLayers(backend, pool, model, settings, 100);
        optimizer.constrain(layers);
        int changed = 0;
        int oscillating = 0;
        int[] direction = new int[COUNT];
        byte[] before = codes(model);
        for (int t = 0; t < 6; t++) {
            step(optimizer, model.weight(), normal(), 0.4);
            byte[] after = codes(model);
            for (int i = 0; i < COUNT; i++) {
                int change = Integer.signum(after[i] - before[i]);
                changed += Math.abs(change);
                oscillating += change * direction[i] < 0 ? 1 : 0;
                direction[i] = change == 0 ? direction[i] : change;
            }
            before = after;
        }
        QuantizedLayers.CodeChanges report = layers.report().get("blk.0.ffn_up.weight");
        assertThat(report.changed()).isEqualTo(changed / (6.0 * COUNT)).isPositive();
        assertThat(report.oscillating()).isEqualTo(oscillating / (6.0 * COUNT)).isPositive();
        assertThat(report.frozen()).isZero();
        assertThat(layers.report()).as("since the last report").isEmpty();
    }

    /** One weight is pushed over a threshold of its codes and back in turn until it freezes; then it stays. */
    @Test
    void whatOscillatesFreezesAtItsAverage() {
        OneLayer model = ternary();
        float[] start = model.weight().value().toArray();
        TrainingConfig.Optimizer settings = Settings.of("kind=sgd", "momentum=0", "freeze_threshold=0.5", "freeze_threshold_end=0.4",
                "freeze_momentum=0.2");
        Optimizer optimizer = new Optimizer(backend, pool, model.parameters(), settings);
        QuantizedLayers layers = new QuantizedLayers(backend, pool, model, settings, 100);
        optimizer.constrain(layers);
        float scale = (float) model.layer.quantizedWeight(backend).scales().item();
        int frozenAt = -1;
        for (int t = 0; t < 20; t++) {
            float goal = t % 2 == 0 ? 0.9f * scale : -0.3f * scale; // codes 1, 0, 1, 0: the average is 1/2 and above
            float[] gradient = new float[COUNT];
            gradient[3] = model.weight().value().toArray()[3] - goal;
            step(optimizer, model.weight(), gradient, 1);
            if (layers.report().get("blk.0.ffn_up.weight").frozen() > 0 && frozenAt < 0) {
                frozenAt = t;
            }
        }
        assertThat(frozenAt).isBetween(2, 10);
        NamedTensor frozen = optimizer.state().stream().filter(tensor -> tensor.name().endsWith(".frozen")).findFirst().orElseThrow();
        byte code = frozen.data().get(ValueLayout.JAVA_BYTE, 3);
        float[] end = model.weight().value().toArray();
        assertThat(code).isBetween((byte) 0, (byte) 1);
        assertThat(end[3]).isEqualTo(code * scale, within(0.05f * scale));
        assertThat(codes(model)[3]).isEqualTo(code);
        end[3] = start[3];
        assertThat(end).as("others are free").containsExactly(start);
    }

    @Test
    void aWeightThatIsNotFiniteIsFoundAfterTheStep() {
        OneLayer model = ternary();
        Optimizer optimizer = optimizer(model, Settings.of("kind=sgd", "momentum=0", "latent_clip=2"));
        float[] gradient = new float[COUNT];
        gradient[0] = 1e30f;
        assertThatThrownBy(() -> step(optimizer, model.weight(), gradient, 1e30)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("blk.0.ffn_up.weight");
    }

    /** With its state, another run goes on with the same bits. */
    @Test
    void stateIsComplete() {
        TrainingConfig.Optimizer settings = Settings.of("latent_clip=2", "freeze_threshold=0.1", "freeze_threshold_end=0.05",
                "freeze_momentum=0.1");
        OneLayer first = ternary();
        OneLayer second = ternary();
        Optimizer one = optimizer(first, settings);
        Optimizer other = optimizer(second, settings);
        for (int t = 0; t < 8; t++) {
            step(one, first.weight(), normal(), 0.2);
        }
        second.weight().load(first.weight().value().toArray());
        List<NamedTensor> from = one.state();
        List<NamedTensor> to = other.state();
        for (int i = 0; i < from.size(); i++) {
            assertThat(to.get(i).name()).isEqualTo(from.get(i).name());
            to.get(i).data().copyFrom(from.get(i).data());
        }
        other.updates(one.updates());
        for (int t = 0; t < 8; t++) {
            float[] gradient = normal();
            step(one, first.weight(), gradient, 0.2);
            step(other, second.weight(), gradient, 0.2);
        }
        assertThat(second.weight().value().toArray()).containsExactly(first.weight().value().toArray());
        NamedTensor frozen = from.getLast();
        assertThat(frozen.name()).isEqualTo("blk.0.ffn_up.weight.frozen");
        assertThat(frozen.data().toArray(ValueLayout.JAVA_BYTE)).as("some weights froze").contains(0, 1);
    }

    private Parameter parameter(String name) {
        Parameter parameter = new Parameter(name, pool, true, Shape.of(4));
        parameter.load(new float[4]);
        return parameter;
    }

    /** How far gradients of 1 move the parameters at a rate of 1. */
    private List<Float> moves(Optimizer optimizer, List<Parameter> parameters) {
        parameters.forEach(parameter -> {
            parameter.load(new float[4]);
            parameter.clearGradient();
            parameter.gradient().copyFrom(new float[]{1, 1, 1, 1});
        });
        optimizer.measure();
        optimizer.update(1, 1);
        return parameters.stream().map(parameter -> -parameter.value().toArray()[2]).toList();
    }

    @Test
    void ratesDifferByNameAndSensitivity() {
        List<Parameter> all = List.of(parameter("blk.0.ffn_up.weight"), parameter("blk.1.ffn_up.weight"), parameter("blk.1.attn_q.weight"),
                parameter("blk.1.attn_q.weight.scale"));
        Optimizer optimizer = new Optimizer(backend, pool, all, Settings.of("kind=sgd", "momentum=0", "scale_lr_factor=0.125",
                "layer_lr=[\"blk.*.ffn_up.weight=0.5\", \"blk.0.*=9\"]"));
        assertThat(moves(optimizer, all)).containsExactly(0.5f, 0.5f, 1f, 0.125f);
        optimizer.adaptLearningRate("blk.1.ffn_up.weight", 3);
        assertThat(moves(optimizer, all)).as("of that layer alone").containsExactly(0.5f, 0.125f, 1f, 0.125f);
        optimizer.adaptLearningRate("blk.1.ffn_up.weight", 0);
        assertThat(moves(optimizer, all)).containsExactly(0.5f, 0.5f, 1f, 0.125f);
        assertThatThrownBy(() -> optimizer.adaptLearningRate("blk.9", 1)).hasMessageContaining("blk.9");
        assertThatThrownBy(() -> optimizer.adaptLearningRate("blk.1.ffn_up.weight", -1)).hasMessageContaining("-1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"blk.*", "=1", "blk.*=much", "blk.*=-1", "blk.*=NaN"})
    void aBadRateOfALayerIsNamed(String item) {
        assertThatThrownBy(() -> new Optimizer(backend, pool, List.of(), Settings.of("layer_lr=[\"" + item + "\"]")))
                .isInstanceOf(ConfigException.class).hasMessageContaining("optimizer.layer_lr").hasMessageContaining(item);
    }

    @Test
    void theThresholdOfFreezingDoesNotRise() {
        assertThatThrownBy(() -> ConfigReader.override(TrainingConfig.defaults(), List.of("optimizer.freeze_threshold=0.1",
                "optimizer.freeze_threshold_end=0.2"))).isInstanceOf(ConfigException.class)
                .hasMessageContaining("optimizer.freeze_threshold_end");
    }
}
