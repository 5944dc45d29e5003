package org.setun.training.loss;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps.Divergence;
import org.setun.nn.BitLinear;
import org.setun.nn.Function;
import org.setun.nn.Tensor;
import org.setun.nn.function.CrossEntropy;
import org.setun.nn.function.Distillation;
import org.setun.nn.function.LogitGradientPenalty;
import org.setun.nn.function.RelationDistillation;
import org.setun.nn.function.SquaredError;
import org.setun.nn.function.TopKDistillation;
import org.setun.quant.QuantizationUncertainty;
import org.setun.quant.qat.LevelQuantizer;

/**
 * All terms that a loss can have, by the names that configurations and reports use. {@link #create} makes the {@link Function} of one; its Javadoc
 * names the inputs. Free-threaded.
 */
public final class LossTerms {

    /** What a term is computed from, and when. */
    public enum Subject {
        /** Logits and targets of a micro-batch. */
        LOGITS,
        /** A student's and a teacher's tensors of a micro-batch. */
        TEACHER,
        /** The weights of a layer, once per step. */
        WEIGHTS,
        /** The inputs of a layer in a micro-batch. */
        ACTIVATIONS
    }

    /**
     * What terms are made of; each reads what concerns it.
     *
     * @param scale          factor of every row or element
     * @param labelSmoothing of cross-entropy
     * @param divergence     between student and teacher
     * @param temperature    of both distributions
     * @param batch          sequences
     * @param t              positions of each
     * @param heads          of relations
     * @param backend        that quantizes {@code layer}
     * @param layer          whose weight is penalized; null for other terms
     * @param width          of the uncertain zone around a boundary, as a share of the distance of two levels
     */
    public record Settings(float scale, float labelSmoothing, Divergence divergence, float temperature, long batch, long t, long heads,
            @Nullable Backend backend, @Nullable BitLinear layer, double width) {

        /** With a scale and usual values. */
        public static Settings of(float scale) {
            return new Settings(scale, 0, Divergence.FORWARD, 1, 1, 1, 1, null, null, 0.1);
        }

        /** For cross-entropy. */
        public Settings smoothed(float share) {
            return new Settings(scale, share, divergence, temperature, batch, t, heads, backend, layer, width);
        }

        /** For distances of distributions. */
        public Settings distance(Divergence kind, double degrees) {
            return new Settings(scale, labelSmoothing, kind, (float) degrees, batch, t, heads, backend, layer, width);
        }

        /** For terms that know sequences. */
        public Settings sequences(long count, long positions, long parts) {
            return new Settings(scale, labelSmoothing, divergence, temperature, count, positions, parts, backend, layer, width);
        }

        /** For penalties of a quantized weight. */
        public Settings quantized(Backend quantizing, BitLinear quantized) {
            return new Settings(scale, labelSmoothing, divergence, temperature, batch, t, heads, quantizing, quantized, width);
        }

        private Tensor scales() {
            Tensor scales = layer().quantizedWeight(Objects.requireNonNull(backend)).scales();
            if (scales.size() == 0) {
                throw new IllegalArgumentException(layer().weight() + " has no scale to measure bits by");
            }
            return scales;
        }

        /** The distances of two levels, one per scale. */
        private float[] steps() {
            float[] steps = scales().toArray();
            double divisions = layer().quantization().weights() instanceof LevelQuantizer level ? level.rule().levels().divisions() : 1;
            for (int i = 0; i < steps.length; i++) {
                steps[i] = (float) (steps[i] / divisions);
            }
            return steps;
        }

        /** The quantized layer; terms that need one come through here. */
        @Override
        public BitLinear layer() {
            return Objects.requireNonNull(layer, "this term needs a quantized layer: use quantized(backend, layer)");
        }
    }

    private interface Factory {
        Function create(Settings settings);
    }

    private record Entry(Subject subject, String meaning, Factory factory) {
    }

    private static final Map<String, Entry> ENTRIES = entries();

    private LossTerms() {
    }

    private static Map<String, Entry> entries() {
        Map<String, Entry> all = new LinkedHashMap<>();
        all.put("cross_entropy", new Entry(Subject.LOGITS, "cross-entropy of the targets, smoothed if asked for",
                s -> new CrossEntropy(s.scale(), s.labelSmoothing())));
        all.put("mse", new Entry(Subject.LOGITS, "squared error of any values", s -> new SquaredError(s.scale())));
        all.put("gradient", new Entry(Subject.LOGITS, "squared gradient of cross-entropy at the logits",
                s -> new LogitGradientPenalty(s.scale())));
        all.put("distillation", new Entry(Subject.TEACHER, "distance from the teacher's distributions",
                s -> new Distillation(s.divergence(), s.temperature(), s.scale())));
        all.put("distillation_top_k", new Entry(Subject.TEACHER, "distance from the teacher's likeliest classes and the rest",
                s -> new TopKDistillation(s.temperature(), s.scale())));
        all.put("reasoning",
                new Entry(Subject.TEACHER, "distance from the teacher's distributions, each step of a reasoning counting alike",
                        s -> new Distillation(s.divergence(), 1, s.scale())));
        all.put("hidden", new Entry(Subject.TEACHER, "squared error of hidden states", s -> new SquaredError(s.scale())));
        all.put("relation", new Entry(Subject.TEACHER, "distance of the relations of queries, keys and values",
                s -> new RelationDistillation(s.batch(), s.t(), s.heads(), s.scale())));
        all.put("quantization", new Entry(Subject.WEIGHTS, "squared error of quantization", s -> new SquaredError(s.scale())));
        all.put("bit_width", new Entry(Subject.WEIGHTS, "bits that the magnitudes of weights need",
                s -> new BitWidthPenalty(s.scale(), s.steps())));
        all.put("sparsity", new Entry(Subject.WEIGHTS, "magnitude of weights", s -> new SparsityPenalty(s.scale())));
        all.put("dampening", new Entry(Subject.WEIGHTS, "squared error of quantization within the outermost levels",
                s -> new DampeningPenalty(s.scales().size(), s.scale())));
        all.put("uncertainty", new Entry(Subject.WEIGHTS, "weights near the boundary of two levels",
                s -> QuantizationUncertainty.of(Objects.requireNonNull(s.backend()), s.layer(), s.width(), s.scale())));
        all.put("activation", new Entry(Subject.ACTIVATIONS, "square of activations", s -> new SquaredError(s.scale())));
        all.put("smoothness", new Entry(Subject.ACTIVATIONS, "squared change of activations from one position to the next",
                s -> new SmoothnessPenalty(s.t(), s.scale())));
        return Collections.unmodifiableMap(all);
    }

    /** All names, in the order of reports. */
    public static List<String> names() {
        return List.copyOf(ENTRIES.keySet());
    }

    /** What the term of a name is computed from. */
    public static Subject subject(String name) {
        return entry(name).subject();
    }

    /** What the term of a name measures, in a few words. */
    public static String meaning(String name) {
        return entry(name).meaning();
    }

    /**
     * The function of a term.
     *
     * @throws IllegalArgumentException if there is no term of this name, or the layer cannot have it
     */
    public static Function create(String name, Settings settings) {
        return entry(name).factory().create(settings);
    }

    private static Entry entry(String name) {
        Entry entry = ENTRIES.get(name);
        if (entry == null) {
            throw new IllegalArgumentException("there is no loss term '" + name + "'; there are " + String.join(", ", names()));
        }
        return entry;
    }
}
