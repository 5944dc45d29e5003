package org.setun.quant.activation;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.QuantLevels;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.Initializer;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;
import org.setun.quant.Granularity;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Levels at equal distances for activations whose range is measured at each pass ("dynamic"): of the whole tensor, of each row (token), or of blocks of
 * 256 values of a row. The gradient passes straight through. With a scale per block there is no integer product.
 *
 * @param levels      what values are rounded to, in units of the scale; with {@link RangeRule#MIN_MAX} two's complement is usual
 * @param range       how scale and zero point follow from the values
 * @param granularity what shares them; {@link Granularity#CHANNEL} is a row
 */
public record UniformRows(QuantLevels levels, RangeRule range, Granularity granularity) implements ActivationQuantizer {

    /** {@code bits} 2 to 8, per row: symmetric, or with a zero point. */
    public static UniformRows ofBits(int bits, boolean symmetric) {
        return new UniformRows(symmetric ? QuantLevels.symmetric(bits) : QuantLevels.signed(bits),
                symmetric ? RangeRule.ABSMAX : RangeRule.MIN_MAX, Granularity.CHANNEL);
    }

    /** The 4-bit activations of BitNet a4.8 (arXiv 2411.04965): codes -8 to 7, {@code mean|x| / sqrt(7)} per row. */
    public static UniformRows int4() {
        return new UniformRows(QuantLevels.signed(4), RangeRule.ABSMEAN, Granularity.CHANNEL);
    }

    @Override
    public String name() {
        return String.format(Locale.ROOT, "%s[%d..%d]-%s", range.name().toLowerCase(Locale.ROOT), levels.lowest(), levels.highest(),
                granularity.name().toLowerCase(Locale.ROOT));
    }

    @Override
    public ActivationQuantizer at(String place, Initializer initializer, long columns) {
        granularity.group(1, columns); // which blocks must divide
        return this;
    }

    @Override
    public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
        x.require("x", DType.F32, -1, -1);
        long group = granularity.group(x.rows(), x.columns());
        long groups = group == 0 ? 0 : x.size() / group;
        Tensor scale = Tensor.allocate(allocator, DType.F32, groups);
        @Nullable
        Tensor offset = range.hasOffset() ? Tensor.allocate(allocator, DType.F32, groups) : null;
        float[] of = new float[2];
        for (long g = 0; g < groups; g++) {
            range.set(levels, x.segment(), g * group, group, of);
            scale.segment().setAtIndex(JAVA_FLOAT, g, of[0]);
            if (offset != null) {
                offset.segment().setAtIndex(JAVA_FLOAT, g, of[1]);
            }
        }
        return RowCodes.encode(backend, levels, x, scale, offset, allocator);
    }

    @Override
    public void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
        RowCodes.dequantize(backend, rows, out);
    }

    @Override
    public boolean hasIntegerProduct() {
        return granularity != Granularity.BLOCK;
    }
}
