package org.setun.cli.bench;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.PackedLayout;

/** The kernels of {@code setun bench kernels}. */
public final class Kernels {

    static final List<Kernel> ALL = Stream.of(
            Stream.<Kernel>of(new TernaryGemm(PackedLayout.PLANES), new TernaryGemm(PackedLayout.DENSE), new TernaryGemmF32(),
                    new QuantizePack(), new QuantizeRows(),
                    new NormQuantize(false), new NormQuantize(true), new GluQuantize(),
                    new GradientOfInput(), new GradientOfWeights(true), new GradientOfWeights(false), new LinearBf16(),
                    new AttentionStep(), new HadamardRows(), new PiQuantize(false), new PiQuantize(true), new PiDequantize(),
                    new FakeQuant(false), new FakeQuant(true), new SoftmaxLoss(false), new SoftmaxLoss(true)),
            Arrays.stream(OptimizerUpdate.Kind.values()).map(OptimizerUpdate::new),
            Arrays.stream(BlockFormat.values()).map(BlockGemm::new)).<Kernel>flatMap(kernels -> kernels).toList();

    private Kernels() {
    }

    /** Their names. */
    public static List<String> names() {
        return ALL.stream().map(Kernel::name).toList();
    }

    /** The kernels of these names; all of them if there is none. */
    static List<Kernel> named(List<String> names) {
        for (String name : names) {
            if (!names().contains(name)) {
                throw new IllegalArgumentException("kernel '" + name + "' must be one of " + String.join(", ", names()));
            }
        }
        return names.isEmpty() ? ALL : ALL.stream().filter(kernel -> names.contains(kernel.name())).collect(Collectors.toList());
    }
}
