package org.setun.training.progressive;

import java.util.List;
import java.util.Objects;
import org.setun.nn.Model;
import org.setun.quant.activation.TrackedRows;

/** Tells the quantizers of a model that track ranges of activations which steps there are. What they keep is saved with the model. One thread. */
public final class ActivationRanges {

    private final List<TrackedRows> tracked;

    public ActivationRanges(Model model) {
        tracked = model.linears().stream().map(layer -> layer.quantization().activations()).filter(Objects::nonNull).distinct()
                .filter(TrackedRows.class::isInstance).map(TrackedRows.class::cast).toList();
    }

    /** Step {@code step}, counted from 1, begins, or begins anew. */
    public void begin(long step) {
        tracked.forEach(rows -> rows.begin(step));
    }

    /** The step went well; returns how many ranges changed. */
    public int commit(long samples) {
        return (int) tracked.stream().filter(rows -> rows.commit(samples)).count();
    }

    /** The step failed, and leaves no trace. */
    public void discard() {
        tracked.forEach(TrackedRows::pause);
    }
}
