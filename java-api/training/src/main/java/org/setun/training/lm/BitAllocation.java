package org.setun.training.lm;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.setun.kernels.Backend;
import org.setun.kernels.Workspace;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.UniformMean;
import org.setun.quant.UniformWeight;
import org.setun.quant.budget.Allocation;
import org.setun.quant.budget.Option;
import org.setun.quant.budget.PrecisionBudget;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Bits for each layer, so that their mean over the weights keeps a budget and the expected loss rises least: rounding changes the loss of a model by
 * about half the sum of F (w - q)^2 with the empirical Fisher information F, the mean square of the gradient of single windows. Levels at equal
 * distances per row stand for what training will learn.
 *
 * @param bits    chosen, by the name of the weight
 * @param loss    expected, in nats per token
 * @param average bits per weight
 * @param uniform the loss that the same bits everywhere would give, by these bits
 */
record BitAllocation(Map<String, Integer> bits, double loss, double average, Map<Integer, Double> uniform) {

    /** What a layer can have. */
    static final List<Integer> CHOICES = List.of(2, 3, 4, 5, 6, 8);

    /** Windows whose gradients are measured. */
    private static final int SAMPLES = 16;

    /**
     * The best allocation among {@link #CHOICES}.
     *
     * @param task    of the model in fp32
     * @param layers  that take part
     * @param average most bits per weight, at least the least choice
     */
    static BitAllocation choose(Backend backend, Workspace workspace, LanguageModelTask task, List<Linear> layers, double average) {
        if (layers.isEmpty()) {
            return new BitAllocation(Map.of(), 0, 0, Map.of()); // all have been named
        }
        Map<String, float[]> fisher = fisher(backend, workspace, task, layers);
        List<List<Option>> options = new ArrayList<>();
        Map<Integer, Double> uniform = new LinkedHashMap<>();
        double weights = 0;
        for (Linear layer : layers) {
            weights += layer.weight().shape().size();
            List<Option> ofLayer = new ArrayList<>();
            for (int bits : CHOICES) {
                double rise = rise(backend, workspace, layer.weight(), fisher.get(layer.weight().name()), bits);
                // bits of the matrix instead of bytes: small layers count exactly
                ofLayer.add(new Option(Integer.toString(bits), bits * layer.weight().shape().size(), rise));
                uniform.merge(bits, rise, Double::sum);
            }
            options.add(ofLayer);
        }
        Allocation allocation = new PrecisionBudget(options).exact((long) Math.floor(average * weights));
        Map<String, Integer> chosen = new LinkedHashMap<>();
        for (int i = 0; i < layers.size(); i++) {
            chosen.put(layers.get(i).weight().name(), Integer.valueOf(allocation.options().get(i).name()));
        }
        return new BitAllocation(chosen, allocation.loss(), allocation.bytes() / weights, uniform);
    }

    private static Map<String, float[]> fisher(Backend backend, Workspace workspace, LanguageModelTask task, List<Linear> layers) {
        Map<String, float[]> squares = new LinkedHashMap<>();
        layers.forEach(layer -> squares.put(layer.weight().name(), new float[Math.toIntExact(layer.weight().shape().size())]));
        for (int sample = 0; sample < SAMPLES; sample++) {
            Tape tape = Tape.recording(backend, workspace);
            task.model().clearGradients();
            tape.backward(task.loss(tape, sample, 1, task.unitsPerSample()));
            tape.reset();
            for (Linear layer : layers) {
                MemorySegment gradient = layer.weight().gradient().segment();
                float[] sum = squares.get(layer.weight().name());
                for (int i = 0; i < sum.length; i++) {
                    float g = gradient.getAtIndex(JAVA_FLOAT, i);
                    sum[i] += g * g / SAMPLES;
                }
            }
        }
        task.model().clearGradients();
        return squares;
    }

    private static double rise(Backend backend, Workspace workspace, Parameter weight, float[] fisher, int bits) {
        long mark = workspace.mark();
        Tensor latent = weight.value();
        UniformWeight rounded = (UniformWeight) new UniformMean(bits, true).allocate(workspace, latent.rows(), latent.columns());
        new UniformMean(bits, true).quantize(backend, latent, rounded);
        double sum = 0;
        for (int i = 0; i < fisher.length; i++) {
            double error = latent.segment().getAtIndex(JAVA_FLOAT, i) - rounded.values().segment().getAtIndex(JAVA_FLOAT, i);
            sum += fisher[i] * error * error;
        }
        workspace.release(mark);
        return sum / 2;
    }

    /** Items for {@code quantization.layers}. */
    List<String> items() {
        return bits.entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue()).toList();
    }
}
