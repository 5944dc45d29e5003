package org.setun.quant.activation;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantOps;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.Initializer;
import org.setun.nn.Parameter;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Activations with a learned scale for each place of a model: LSQ (arXiv 1902.08153), with an offset LSQ+ (arXiv 2004.09576), with
 * {@link Estimator.Pact} a learned clipping value (arXiv 1805.06085). What is trained is the natural logarithm of the scale ({@code PLACE.input.scale})
 * and the offset in units of the scale ({@code PLACE.input.offset}), so that the steps of an optimizer like Adam mean the same for fine and coarse
 * scales.
 *
 * <p>Both start from the first finite input: of some shares of its range, the one with the least squared error, as in LSQ+. The gradients of LSQ and
 * LSQ+ are divided by {@code sqrt(k Q)} for k values per row and the highest level Q; that of PACT is not. One thread at a time.
 */
public final class LearnedRows implements ActivationQuantizer {

    private static final int SHARES = 50; // of the range that are tried for the first scale

    /** What one place keeps. */
    private record State(Parameter scale, @Nullable Parameter offset, Parameter started) {
    }

    private final FakeQuantRule rule;
    private final boolean hasOffset;
    private final @Nullable State state;

    private LearnedRows(FakeQuantRule rule, boolean hasOffset, @Nullable State state) {
        if (rule.estimator().isSmooth()) {
            throw new IllegalArgumentException(
                    rule.estimator() + " has no codes; activations need a hard estimator such as " + new Estimator.Lsq(0));
        }
        if (hasOffset && rule.estimator() instanceof Estimator.Pact) {
            throw new IllegalArgumentException("PACT learns where to clip, not an offset; use " + new Estimator.Lsq(0) + " for both");
        }
        this.rule = rule;
        this.hasOffset = hasOffset;
        this.state = state;
    }

    /** LSQ, or LSQ+ if {@code offset}; every place of a model gets its own. */
    public static LearnedRows lsq(QuantLevels levels, boolean offset) {
        return new LearnedRows(new FakeQuantRule(levels, new Estimator.Lsq(0)), offset, null);
    }

    /** A learned clipping value: unsigned levels for what is never negative, as behind a ReLU; symmetric ones for other values. */
    public static LearnedRows pact(QuantLevels levels) {
        return new LearnedRows(new FakeQuantRule(levels, new Estimator.Pact()), false, null);
    }

    @Override
    public String name() {
        QuantLevels levels = rule.levels();
        return String.format(Locale.ROOT, "%s%s[%d..%d]", rule.estimator().getClass().getSimpleName().toLowerCase(Locale.ROOT),
                hasOffset ? "+" : "",
                levels.lowest(), levels.highest());
    }

    @Override
    public ActivationQuantizer at(String place, Initializer initializer, long columns) {
        String prefix = place + ".input.";
        return new LearnedRows(rule, hasOffset, new State(initializer.fresh(prefix + "scale", 0, 1),
                hasOffset ? initializer.fresh(prefix + "offset", 0, 1) : null, initializer.fresh(prefix + "started", 0, 1)));
    }

    @Override
    public List<Parameter> parameters() {
        return state == null ? List.of() : state.offset == null ? List.of(state.scale) : List.of(state.scale, state.offset);
    }

    @Override
    public List<Parameter> buffers() {
        return state == null ? List.of() : List.of(state.started);
    }

    /** The scale, and the offset in units of the value: what the parameters stand for. */
    private float[] learned(State of) {
        float scale = Math.max((float) StrictMath.exp(value(of.scale)), FakeQuantRule.LEAST_SCALE);
        return new float[]{scale, of.offset == null ? 0 : value(of.offset) * scale};
    }

    private static float value(Parameter parameter) {
        return parameter.value().segment().get(JAVA_FLOAT, 0);
    }

    private static void set(Parameter parameter, float value) {
        parameter.value().segment().set(JAVA_FLOAT, 0, value);
        parameter.markChanged();
    }

    @Override
    public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
        x.require("x", DType.F32, -1, -1);
        float[] now = scaleOf(backend, x);
        Tensor scale = Tensor.of(allocator, new float[]{now[0]}, 1);
        return RowCodes.encode(backend, rule.levels(), x, scale, hasOffset ? Tensor.of(allocator, new float[]{now[1]}, 1) : null,
                allocator);
    }

    private float[] scaleOf(Backend backend, Tensor x) {
        if (state != null && value(state.started) != 0) {
            return learned(state);
        }
        float[] first = first(backend, x);
        if (state == null || !Float.isFinite(first[0])) {
            return first; // nothing to start from: NaN makes the step fail
        }
        set(state.scale, (float) StrictMath.log(first[0]));
        if (state.offset != null) {
            set(state.offset, first[1] / first[0]);
        }
        set(state.started, 1);
        return learned(state);
    }

    /** Scale and offset of least squared error among shares of the range of {@code x}; NaN if there is none. */
    private float[] first(Backend backend, Tensor x) {
        float[] extremes = new float[2];
        float[] best = {Float.NaN, 0};
        if (x.size() == 0) {
            return best;
        }
        RangeRule.extremes(x.segment(), 0, x.size(), extremes);
        double least = Double.POSITIVE_INFINITY;
        QuantLevels levels = rule.levels();
        FakeQuantRule nearest = new FakeQuantRule(levels, new Estimator.Identity());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment scale = arena.allocate(JAVA_FLOAT);
            MemorySegment offset = arena.allocate(JAVA_FLOAT);
            MemorySegment sums = arena.allocate(JAVA_DOUBLE, FakeQuantOps.SUMS);
            for (int i = 1; i <= SHARES; i++) {
                float share = (float) i / SHARES;
                float[] tried = spread(levels, extremes, share);
                scale.set(JAVA_FLOAT, 0, tried[0]);
                offset.set(JAVA_FLOAT, 0, tried[1]);
                backend.fakeQuantForward(nearest, 1, x.size(), x.segment(), scale, offset, null, null, sums);
                double error = sums.getAtIndex(JAVA_DOUBLE, 1);
                if (error < least) {
                    least = error;
                    best = tried;
                }
            }
        }
        return best;
    }

    /** The scale and the offset that lay the levels over a share of the range. */
    private float[] spread(QuantLevels levels, float[] extremes, float share) {
        float[] into = new float[2];
        if (hasOffset) {
            double low = levels.level(levels.lowest());
            double high = levels.level(levels.highest());
            double scale = Math.max(share * ((double) extremes[1] - extremes[0]), RangeRule.LEAST) / (high - low);
            double middle = ((double) extremes[0] + extremes[1]) / 2;
            into[0] = (float) scale;
            into[1] = (float) (middle - scale * (low + high) / 2);
        } else {
            RangeRule.fromExtremes(levels, share * extremes[0], share * extremes[1], false, into);
        }
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
        if (state == null || x.size() == 0) {
            return;
        }
        float[] now = learned(state);
        float highest = Math.max(1, rule.levels().level(rule.levels().highest()));
        float factor = rule.estimator() instanceof Estimator.Pact ? 1 : (float) (1 / Math.sqrt((double) x.columns() * highest));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment scale = arena.allocateFrom(JAVA_FLOAT, now[0]);
            MemorySegment offset = hasOffset ? arena.allocateFrom(JAVA_FLOAT, now[1]) : null;
            MemorySegment ofScale = arena.allocate(JAVA_FLOAT);
            MemorySegment ofOffset = hasOffset ? arena.allocate(JAVA_FLOAT) : null;
            backend.fakeQuantBackward(rule, 1, x.size(), x.segment(), scale, offset, gradient.segment(), gradient.segment(), ofScale,
                    ofOffset,
                    factor);
            // value = scale * f((x - offset) / scale) + offset with offset = o * scale: by the logarithm of the scale, and by o
            float byScale = ofScale.get(JAVA_FLOAT, 0) * now[0];
            if (ofOffset != null) {
                byScale += ofOffset.get(JAVA_FLOAT, 0) * now[1];
                add(parameterGradients.get(1), ofOffset.get(JAVA_FLOAT, 0) * now[0]);
            }
            add(parameterGradients.get(0), byScale);
        }
    }

    private static void add(Tensor sum, float value) {
        sum.segment().set(JAVA_FLOAT, 0, sum.segment().get(JAVA_FLOAT, 0) + value);
    }
}
