package org.setun.training.optimizer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.OptimOps;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.TernaryAbsmean;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.config.TrainingConfig;

/**
 * The quantized layers of a model as an optimizer must see them: latent weights stay within a limit ({@code latent_clip}), changes and oscillations
 * of their codes are counted ({@code track_codes}), and weights that oscillate freeze (arXiv 2203.11086, {@code freeze_threshold}). Scales are those
 * of the last forward pass, so that nothing is quantized twice. One thread.
 */
public final class QuantizedLayers implements WeightConstraint {

    /**
     * What the codes of a layer did since the last report, as shares.
     *
     * @param changed     changes of codes per weight and update
     * @param oscillating changes against the last direction, per weight and update
     * @param frozen      frozen weights
     */
    public record CodeChanges(double changed, double oscillating, double frozen) {
    }

    /** A layer, the codes of its weight and what is kept of them; null where settings do not ask for it. */
    private static final class Tracked {
        final BitLinear layer;
        final QuantLevels levels;
        final List<NamedTensor> state = new ArrayList<>();
        @Nullable
        Tensor previous;
        @Nullable
        Tensor direction;
        @Nullable
        Tensor oscillation;
        @Nullable
        Tensor average;
        @Nullable
        Tensor frozen;
        @Nullable
        QuantizedWeight weight;
        double changed;
        double oscillating;
        double frozenNow;
        double notFinite;

        Tracked(BitLinear layer, QuantLevels levels) {
            this.layer = layer;
            this.levels = levels;
        }

        long count() {
            return layer.weight().shape().size();
        }

        Tensor keep(Allocator allocator, String suffix, DType type, byte first) {
            Shape shape = layer.weight().shape();
            Tensor tensor = Tensor.allocate(allocator, type, shape);
            tensor.segment().fill(first);
            state.add(new NamedTensor(layer.weight().name() + "." + suffix, org.setun.formats.safetensors.DType.valueOf(type.name()),
                    new long[]{shape.rows(), shape.columns()}, tensor.segment()));
            return tensor;
        }
    }

    private final Backend backend;
    private final TrainingConfig.Optimizer settings;
    private final long updates;
    private final List<Tracked> layers = new ArrayList<>();
    private final @Nullable Tensor unpacked;
    private final MemorySegment counts;
    private long reported;

    /**
     * The quantized layers of {@code model}.
     *
     * @param updates after which the threshold of freezing is at its end
     */
    public QuantizedLayers(Backend backend, Allocator allocator, Model model, TrainingConfig.Optimizer settings, long updates) {
        this.backend = backend;
        this.settings = settings;
        this.updates = updates;
        long packed = 0;
        for (Linear linear : model.linears()) {
            if (linear instanceof BitLinear layer && layer.quantization().weights() != null) {
                Tracked tracked = track(layer, levels(layer.quantization().weights(), layer), allocator);
                packed = Math.max(packed, tracked.previous == null ? 0 : tracked.count());
                layers.add(tracked);
            }
        }
        unpacked = packed == 0 ? null : Tensor.allocate(allocator, DType.I8, packed);
        counts = Tensor.allocate(allocator, DType.F64, 3).segment();
    }

    /** Whether any of the settings asks for this. */
    public static boolean areWanted(TrainingConfig.Optimizer settings) {
        return settings.latentClip() > 0 || settings.trackCodes() || settings.freezeThreshold() > 0;
    }

    private Tracked track(BitLinear layer, QuantLevels levels, Allocator allocator) {
        Tracked tracked = new Tracked(layer, levels);
        if (settings.trackCodes() || settings.freezeThreshold() > 0) {
            tracked.previous = tracked.keep(allocator, "codes", DType.I8, (byte) 0);
            tracked.direction = tracked.keep(allocator, "direction", DType.I8, (byte) 0);
        }
        if (settings.freezeThreshold() > 0) {
            tracked.oscillation = tracked.keep(allocator, "oscillation", DType.F32, (byte) 0);
            tracked.average = tracked.keep(allocator, "average", DType.F32, (byte) 0);
            tracked.frozen = tracked.keep(allocator, "frozen", DType.I8, OptimOps.CODE_FREE);
        }
        return tracked;
    }

    private static QuantLevels levels(@Nullable WeightQuantizer quantizer, BitLinear layer) {
        return switch (quantizer) {
            case TernaryAbsmean ternary -> QuantLevels.ternary();
            case LearnedFakeQuantizer learned when learned.hasOffset() -> throw new IllegalArgumentException(
                    "optimizer.latent_clip, track_codes and freeze_threshold need levels around 0; set quantization.learned_offset = false");
            case LevelQuantizer levels -> levels.rule().levels();
            case null, default ->
                throw new IllegalArgumentException("optimizer.latent_clip, track_codes and freeze_threshold need weights of"
                        + " equally distant levels; those of " + layer.weight().name() + " are not");
        };
    }

    @Override
    public void begin(long update) {
        for (Tracked tracked : layers) {
            tracked.weight = tracked.layer.quantizedWeight(backend);
            if (update == 1 && tracked.previous != null) {
                tracked.previous.segment().copyFrom(codes(tracked.weight));
                if (tracked.average != null) {
                    for (long i = 0; i < tracked.count(); i++) {
                        tracked.average.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i,
                                tracked.previous.segment().get(ValueLayout.JAVA_BYTE, i));
                    }
                }
            }
        }
    }

    @Override
    public void apply(long update) {
        OptimOps.CodeTracking how = new OptimOps.CodeTracking((float) settings.freezeMomentum(), (float) threshold(update));
        for (Tracked tracked : layers) {
            constrain(tracked);
            tracked.layer.weight().markChanged();
            Tensor previous = tracked.previous;
            Tensor direction = tracked.direction;
            if (previous != null && direction != null) {
                backend.trackCodes(how, tracked.count(), codes(tracked.layer.quantizedWeight(backend)), previous.segment(),
                        direction.segment(),
                        segment(tracked.oscillation), segment(tracked.average), segment(tracked.frozen), counts);
                tracked.changed += counts.getAtIndex(ValueLayout.JAVA_DOUBLE, 0);
                tracked.oscillating += counts.getAtIndex(ValueLayout.JAVA_DOUBLE, 1);
                tracked.frozenNow = counts.getAtIndex(ValueLayout.JAVA_DOUBLE, 2);
            }
        }
        reported++;
    }

    private void constrain(Tracked tracked) {
        QuantizedWeight weight = tracked.weight;
        if (weight == null) {
            throw new IllegalStateException("apply without begin");
        }
        QuantLevels levels = tracked.levels;
        float outermost = Math.max(Math.abs(levels.level(levels.lowest())), Math.abs(levels.level(levels.highest())));
        long groups = weight.scales().size();
        backend.constrainWeights(
                new OptimOps.WeightLimit((float) settings.latentClip() * outermost, levels.shift(), levels.divisions()),
                groups, groups == 0 ? 0 : tracked.count() / groups, tracked.layer.weight().value().segment(), weight.scales().segment(),
                segment(tracked.frozen), counts.asSlice(0, 2 * Double.BYTES));
        tracked.notFinite = counts.getAtIndex(ValueLayout.JAVA_DOUBLE, 1);
    }

    /** Falls along a cosine. */
    private double threshold(long update) {
        double share = Math.min(1, (double) update / updates);
        double end = settings.freezeThresholdEnd();
        return end + (settings.freezeThreshold() - end) * 0.5 * (1 + Math.cos(Math.PI * share));
    }

    @Override
    public void validate(long update) {
        for (Tracked tracked : layers) {
            if (tracked.notFinite > 0) {
                throw new IllegalStateException((long) tracked.notFinite + " values of " + tracked.layer.weight().name()
                        + " are not finite after update " + update + "; lower schedule.learning_rate");
            }
        }
    }

    /** Codes as bytes. */
    private MemorySegment codes(QuantizedWeight weight) {
        Tensor codes = weight.codes();
        if (codes.type() == DType.I8) {
            return codes.segment();
        }
        if (unpacked == null) {
            throw new IllegalStateException("no room for unpacked codes");
        }
        MemorySegment bytes = unpacked.segment().asSlice(0, weight.outputs() * weight.inputs());
        backend.ternaryUnpack(codes.segment(), weight.outputs(), weight.inputs(), bytes);
        return bytes;
    }

    private static @Nullable MemorySegment segment(@Nullable Tensor tensor) {
        return tensor == null ? null : tensor.segment();
    }

    /** What codes did since the last report, by the name of the weight; empty if they are not tracked or there was no update. */
    public Map<String, CodeChanges> report() {
        Map<String, CodeChanges> changes = new LinkedHashMap<>();
        for (Tracked tracked : layers) {
            if (tracked.previous != null && reported > 0) {
                double all = (double) tracked.count() * reported;
                changes.put(tracked.layer.weight().name(),
                        new CodeChanges(tracked.changed / all, tracked.oscillating / all, tracked.frozenNow / tracked.count()));
                tracked.changed = 0;
                tracked.oscillating = 0;
            }
        }
        reported = 0;
        return changes;
    }

    @Override
    public List<NamedTensor> state() {
        return layers.stream().flatMap(tracked -> tracked.state.stream()).toList();
    }
}
