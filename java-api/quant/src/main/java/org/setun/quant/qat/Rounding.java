package org.setun.quant.qat;

import java.util.ArrayList;
import java.util.List;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Model;

/**
 * A model as evaluation, inference and export must see it: until this is closed, every layer whose weights have levels rounds to them, without the
 * soft values, random choices, noise and shares that training uses. One thread, which does not train the model meanwhile.
 */
public final class Rounding implements AutoCloseable {

    /** A layer and the quantizer that it gets back. */
    private record Layer(BitLinear linear, LevelQuantizer quantizer) {
    }

    private final List<Layer> layers = new ArrayList<>();

    private Rounding(Model model) {
        for (Linear linear : model.linears()) {
            if (linear instanceof BitLinear layer && layer.quantization().weights() instanceof LevelQuantizer quantizer) {
                layers.add(new Layer(layer, quantizer));
                if (!quantizer.rule().isRounding()) {
                    layer.quantizeWeightsBy(quantizer.withRule(quantizer.rule().rounded()));
                }
            }
        }
    }

    /** Rounds the weights of {@code model}; not closing the result leaves them so. */
    public static Rounding of(Model model) {
        return new Rounding(model);
    }

    /** Gives every layer the quantizer it had. */
    @Override
    public void close() {
        layers.forEach(layer -> layer.linear().quantizeWeightsBy(layer.quantizer()));
    }
}
