package org.setun.quant.calibration;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.setun.nn.Linear;
import org.setun.nn.LinearObserver;
import org.setun.nn.Tensor;

/** Gathers statistics of the inputs of all linear layers that it observes, one input per group of layers that share it. Not thread-safe. */
final class InputCollector implements LinearObserver {

    /** One input. */
    private static final class Input {
        final List<String> weights;
        final ColumnStatistics columns;
        final LogHistogram histogram = new LogHistogram();
        final float[] row;

        Input(List<String> weights, int width) {
            this.weights = weights;
            columns = new ColumnStatistics(width);
            row = new float[width];
        }
    }

    private final Map<String, Input> inputs = new LinkedHashMap<>();

    /** The name of the input that these layers share: that of the first one's weight. */
    static String name(List<? extends Linear> layers) {
        return layers.getFirst().weight().name();
    }

    /** Makes room for the input of these layers; inputs keep the order of these calls. */
    void expect(List<? extends Linear> layers) {
        inputs.put(name(layers), new Input(layers.stream().map(layer -> layer.weight().name()).toList(),
                Math.toIntExact(layers.getFirst().inputs())));
    }

    @Override
    public void observe(List<? extends Linear> layers, Tensor x) {
        Input input = inputs.get(name(layers));
        if (input == null) {
            throw new IllegalStateException("the input of " + name(layers) + " was not expected");
        }
        MemorySegment values = x.segment();
        for (long r = 0; r < x.rows(); r++) {
            MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, 4L * r * input.row.length, input.row, 0, input.row.length);
            input.columns.add(input.row);
            input.histogram.add(input.row, 0, input.row.length);
        }
        for (double sum : input.columns.sumOfSquares()) {
            if (!Double.isFinite(sum)) {
                throw new IllegalStateException("the input of " + name(layers) + " holds NaN or infinity: the model is damaged");
            }
        }
    }

    /** All that rows have changed, to be saved and restored; {@link #resume} follows. */
    void state(BiConsumer<String, MemorySegment> sink) {
        inputs.forEach((name, input) -> {
            input.columns.state(name, sink);
            sink.accept(name + CalibrationFile.HISTOGRAM, input.histogram.state());
        });
    }

    /** Goes on after {@code rows} rows of each input. */
    void resume(long rows) {
        inputs.values().forEach(input -> {
            input.columns.resume(rows);
            input.histogram.recount();
        });
    }

    /** What was seen, in the order of the model. */
    List<InputStatistics> statistics() {
        List<InputStatistics> result = new ArrayList<>();
        inputs.forEach((name, input) -> result.add(new InputStatistics(name, input.weights, input.columns.rows(), input.columns.min(),
                input.columns.max(), input.columns.mean(), input.columns.variance(), input.columns.sumOfSquares(), input.histogram)));
        return result;
    }
}
