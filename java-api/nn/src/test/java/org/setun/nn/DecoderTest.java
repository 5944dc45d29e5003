package org.setun.nn;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.setun.kernels.NnOps;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** The decoder's variants: gradients of the whole model, and what an observer sees of it. */
class DecoderTest extends NetTest {

    private static final DecoderConfig CONFIG = new DecoderConfig(13, 8, 2, 4, 2, 4, 12, 16, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, 100,
            1e-3f, false, true, true);

    private Decoder decoder() {
        Decoder decoder = new Decoder(CONFIG, Quantization.NONE, pool, new DecoderInit(0.3, false, 5));
        decoder.parameters().stream().filter(parameter -> parameter.shape().rank() == 1).forEach(parameter -> {
            float[] values = normal(parameter.shape().size()).toArray();
            for (int i = 0; i < values.length; i++) {
                values[i] = (parameter.name().endsWith("bias") ? 0 : 1) + values[i] / 4;
            }
            parameter.load(values);
        });
        return decoder;
    }

    /** Along the gradient of each parameter the loss changes as the gradient says; biases and norms of heads included. */
    @Test
    void gradientsAgreeWithDifferencesOfTheLoss() {
        Decoder decoder = decoder();
        Tensor tokens = ints(1, 5, 12, 0, 3, 7, 7, 2);
        Tensor targets = ints(5, 12, -1, 3, 7, 7, 2, 9);
        Tape tape = Tape.recording(backend, workspace);
        tape.backward(decoder.loss(tape, tokens, targets, 2, 4, 7));
        tape.reset();
        for (Parameter parameter : decoder.parameters()) {
            float[] value = parameter.value().toArray();
            float[] gradient = parameter.gradient().toArray();
            double norm = 0;
            for (float g : gradient) {
                norm += (double) g * g;
            }
            norm = Math.sqrt(norm);
            assertThat(norm).as(parameter.name()).isPositive();
            double h = 0.02;
            double difference = (lossAt(decoder, parameter, value, gradient, h / norm, tokens, targets)
                    - lossAt(decoder, parameter, value, gradient, -h / norm, tokens, targets)) / (2 * h);
            parameter.load(value);
            assertThat(difference).as(parameter.name()).isCloseTo(norm, within(0.02 * norm + 1e-4));
        }
    }

    private double lossAt(Decoder decoder, Parameter parameter, float[] value, float[] direction, double step, Tensor tokens,
            Tensor targets) {
        float[] moved = value.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (step * direction[i]);
        }
        parameter.load(moved);
        Tape tape = Tape.evaluating(backend, workspace);
        double loss = decoder.loss(tape, tokens, targets, 2, 4, 7).item();
        tape.reset();
        return loss;
    }

    @Test
    void recomputationChangesNoBitOfTheGradients() {
        Decoder decoder = decoder();
        Tensor tokens = ints(1, 5, 12, 0, 3, 7, 7, 2);
        Tensor targets = ints(5, 12, -1, 3, 7, 7, 2, 9);
        for (Precision precision : Precision.values()) {
            Map<String, float[]> expected = gradients(decoder, tokens, targets, precision);
            assertThat(decoder.recompute(true)).isTrue();
            Map<String, float[]> recomputed = gradients(decoder, tokens, targets, precision);
            decoder.recompute(false);
            assertThat(recomputed.keySet()).isEqualTo(expected.keySet());
            expected.forEach((name, gradient) -> assertThat(recomputed.get(name)).as("%s, %s", name, precision).isEqualTo(gradient));
        }
    }

    /** By name; the loss is an entry too. */
    private Map<String, float[]> gradients(Decoder decoder, Tensor tokens, Tensor targets, Precision precision) {
        Tape tape = Tape.recording(backend, workspace, precision);
        decoder.clearGradients();
        Tensor loss = decoder.loss(tape, tokens, targets, 2, 4, 7);
        tape.backward(loss);
        Map<String, float[]> all = new HashMap<>();
        all.put("loss", new float[]{(float) loss.item()});
        tape.reset();
        decoder.parameters().forEach(parameter -> all.put(parameter.name(), parameter.gradient().toArray()));
        decoder.clearGradients();
        return all;
    }

    @Test
    void anObserverSeesTheInputOfEveryLinearLayerOnce() {
        Decoder decoder = decoder();
        Tape tape = Tape.evaluating(backend, workspace);
        Set<String> seen = new HashSet<>();
        List<Integer> groups = new ArrayList<>();
        tape.observe((layers, x) -> {
            groups.add(layers.size());
            for (Linear layer : layers) {
                assertThat(seen.add(layer.weight().name())).isTrue();
                x.require("x", DType.F32, 6, layer.inputs());
            }
        });
        decoder.forward(tape, ints(1, 2, 3, 4, 5, 6), 2, 3);
        assertThat(groups).containsExactly(3, 1, 2, 1, 3, 1, 2, 1, 1);
        Set<String> expected = new HashSet<>(Set.of("output.weight"));
        decoder.linears().forEach(linear -> expected.add(linear.weight().name()));
        assertThat(seen).isEqualTo(expected);
        tape.observe(null);
        decoder.forward(tape, ints(1, 2, 3, 4, 5, 6), 2, 3);
        assertThat(groups).hasSize(9);
    }

    @Test
    void aTrainedModelTakesItsValuesAndNoRandomOnes() {
        Decoder source = decoder();
        List<String> order = new ArrayList<>();
        Decoder copy = new Decoder(CONFIG, Quantization.NONE, pool, new ParameterValues() {
            @Override
            public void require(String name, Shape shape) {
                order.add(name);
                assertThat(source.parameter(name).shape()).isEqualTo(shape);
            }

            @Override
            public void read(String name, MemorySegment values) {
                assertThat(order.getLast()).isEqualTo(name);
                values.copyFrom(source.parameter(name).value().segment());
            }
        });
        assertThat(order).containsExactlyElementsOf(source.parameters().stream().map(Parameter::name).toList());
        for (Parameter parameter : source.parameters()) {
            assertThat(copy.parameter(parameter.name()).value().toArray()).isEqualTo(parameter.value().toArray());
        }
    }
}
