package org.setun.quant.activation;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.Initializer;
import org.setun.nn.Parameter;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Activations with one range for each place of a model that follows what was observed there ({@code PLACE.input.range}): of every step ("static" ranges
 * by a running mean), or of some samples now and then ("online calibration"). A range holds from one commit to the next, so all passes of a step round
 * alike; before the first there is the range of the input itself. Values beyond the range are clipped and get no gradient.
 *
 * <p>The loop around a model says when to look: {@link #begin}, {@link #commit}, {@link #pause}. One thread at a time.
 */
public final class TrackedRows implements ActivationQuantizer {

    /**
     * When to look, and what to make of it.
     *
     * @param every   steps from the begin of one window to the next, > 0
     * @param samples of a window, > 0
     * @param share   by which a window moves the range: 1 replaces it
     */
    public record Windows(long every, long samples, double share) {

        public Windows {
            if (every < 1 || samples < 1 || !(share > 0 && share <= 1)) {
                throw new IllegalArgumentException(
                        "every = " + every + " and samples = " + samples + " must be > 0, share = " + share + " in (0, 1]");
            }
        }

        /** All steps, in a running mean. */
        public static Windows running(double share) {
            return new Windows(1, 1, share);
        }
    }

    private final QuantLevels levels;
    private final boolean zeroPoint;
    private final RangeSource source;
    private final Windows windows;
    private final @Nullable ActivationRange range;
    private boolean isObserving;

    private TrackedRows(QuantLevels levels, boolean zeroPoint, RangeSource source, Windows windows, @Nullable ActivationRange range) {
        this.levels = levels;
        this.zeroPoint = zeroPoint;
        this.source = source;
        this.windows = windows;
        this.range = range;
    }

    /**
     * A quantizer of which every place of a model gets its own.
     *
     * @param zeroPoint true: smallest and largest value become the outermost levels; false: scale alone, 0 is in the middle
     */
    public TrackedRows(QuantLevels levels, boolean zeroPoint, RangeSource source, Windows windows) {
        this(levels, zeroPoint, source, windows, null);
    }

    @Override
    public String name() {
        return String.format(Locale.ROOT, "tracked-%s%s[%d..%d]", source.kind().name().toLowerCase(Locale.ROOT), zeroPoint ? "-zero" : "",
                levels.lowest(), levels.highest());
    }

    @Override
    public ActivationQuantizer at(String place, Initializer initializer, long columns) {
        Parameter state = initializer.fresh(place + ".input.range", 0, ActivationRange.SIZE);
        return new TrackedRows(levels, zeroPoint, source, windows, new ActivationRange(state, source.tracked()));
    }

    @Override
    public List<Parameter> buffers() {
        return range == null ? List.of() : List.of(range.state());
    }

    /** What was observed; null for the quantizer that belongs to no place. */
    public @Nullable ActivationRange range() {
        return range;
    }

    /** Says that step {@code step}, from 1, begins, or begins anew. */
    public void begin(long step) {
        if (range != null) {
            range.restart();
            isObserving = range.isGathering() || (step - 1) % windows.every == 0;
        }
    }

    /** Says that the step went well; true if the range changed. */
    public boolean commit(long samples) {
        boolean changed = range != null && isObserving && range.commit(samples, windows.samples, (float) windows.share);
        pause();
        return changed;
    }

    /** Says that what follows, such as an evaluation, is not to be observed. */
    public void pause() {
        isObserving = false;
        if (range != null) {
            range.restart();
        }
    }

    @Override
    public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
        if (range != null && isObserving) {
            range.observe(x);
        }
        float[] now = scaleOf(x);
        return RowCodes.encode(backend, levels, x, Tensor.of(allocator, new float[]{now[0]}, 1),
                zeroPoint ? Tensor.of(allocator, new float[]{now[1]}, 1) : null, allocator);
    }

    private float[] scaleOf(Tensor x) {
        float[] into = new float[2];
        if (range != null && range.windows() > 0) {
            source.set(range, into);
        } else if (x.size() > 0) {
            RangeRule.extremes(x.segment(), 0, x.size(), into);
        }
        RangeRule.fromExtremes(levels, into[0], into[1], zeroPoint, into);
        return into;
    }

    @Override
    public void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
        RowCodes.dequantize(backend, rows, out);
    }

    @Override
    public boolean isStraightThrough() {
        return false;
    }

    @Override
    public void backward(Backend backend, Tensor x, QuantizedRows rows, Tensor gradient, List<Tensor> parameterGradients) {
        if (x.size() == 0) {
            return;
        }
        float[] now = scaleOf(x);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment offset = zeroPoint ? arena.allocateFrom(JAVA_FLOAT, now[1]) : null;
            backend.fakeQuantBackward(new FakeQuantRule(levels, new Estimator.Clipped(0)), 1, x.size(), x.segment(),
                    arena.allocateFrom(JAVA_FLOAT, now[0]), offset, gradient.segment(), gradient.segment(), null, null, 0);
        }
    }
}
