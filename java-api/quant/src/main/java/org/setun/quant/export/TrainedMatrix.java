package org.setun.quant.export;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.TernaryWeight;
import org.setun.quant.activation.HadamardRows;
import org.setun.quant.blocks.LevelBlocks;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.qat.FormatQuantizer;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.quant.qat.LevelWeight;

/** A matrix in the GGUF type that holds what it was trained as: its codes, or the blocks of its format. */
final class TrainedMatrix {

    /** Beyond it a scale is too small for half precision. */
    private static final double MOST_ERROR = 1.0 / 1024;

    private final Backend backend;
    private final BitLinear layer;
    private final @Nullable LevelBlocks blocks;
    private final @Nullable WeightFormat format;
    private final GgmlType type;
    private final double scaleError;

    private TrainedMatrix(Backend backend, BitLinear layer, @Nullable LevelBlocks blocks, @Nullable WeightFormat format, GgmlType type,
            double scaleError) {
        this.backend = backend;
        this.layer = layer;
        this.blocks = blocks;
        this.format = format;
        this.type = type;
        this.scaleError = scaleError;
    }

    /** Empty if no type of GGUF holds it, or its weight is turned in the file. */
    static Optional<TrainedMatrix> of(Backend backend, Linear matrix) {
        if (!(matrix instanceof BitLinear layer) || layer.quantization().activations() instanceof HadamardRows) {
            return Optional.empty();
        }
        WeightQuantizer quantizer = layer.quantization().weights();
        if (quantizer instanceof FormatQuantizer rounded) {
            return rounded.format().ggmlType().map(type -> new TrainedMatrix(backend, layer, null, rounded.format(), type, 0));
        }
        if (quantizer == null || !(levels(quantizer, layer.quantizedWeight(backend)) instanceof QuantLevels levels)) {
            return Optional.empty();
        }
        QuantizedWeight weight = layer.quantizedWeight(backend);
        return LevelBlocks.of(levels, weight instanceof LevelWeight coded && coded.offsets() != null, layer.inputs()).flatMap(blocks -> {
            double error = 0;
            for (float scale : weight.scales().toArray()) {
                if (!Float.isFinite(scale)) {
                    throw new IllegalArgumentException(
                            layer.weight().name() + " holds NaN or infinity: the training diverged; export an earlier checkpoint");
                }
                error = Math.max(error, blocks.stepError(scale));
            }
            return error > MOST_ERROR
                    ? Optional.empty()
                    : Optional.of(new TrainedMatrix(backend, layer, blocks, null, blocks.type(), error));
        });
    }

    private static @Nullable QuantLevels levels(WeightQuantizer quantizer, QuantizedWeight weight) {
        return weight instanceof TernaryWeight
                ? QuantLevels.ternary()
                : quantizer instanceof LevelQuantizer coded ? coded.rule().levels() : null;
    }

    GgmlType type() {
        return type;
    }

    /** Bytes of a row. */
    long rowBytes() {
        return layer.inputs() / type.blockSize() * type.blockBytes();
    }

    /** How far, relatively, half precision takes scales from the true ones. */
    double scaleError() {
        return scaleError;
    }

    /** The bytes, row by row. */
    MemorySegment encode(Allocator scratch) {
        if (format != null) {
            return encodeFormat(format);
        }
        QuantizedWeight weight = layer.quantizedWeight(backend);
        MemorySegment codes = weight instanceof TernaryWeight ternary
                ? ternary.unpack(backend, scratch).segment()
                : weight.codes().segment();
        Tensor offsets = weight instanceof LevelWeight coded ? coded.offsets() : null;
        return Objects.requireNonNull(blocks).encode(codes, weight.scales().toArray(), offsets == null ? new float[0] : offsets.toArray());
    }

    private MemorySegment encodeFormat(WeightFormat rounded) {
        int columns = Math.toIntExact(layer.inputs());
        MemorySegment bytes = MemorySegment.ofArray(new byte[Math.toIntExact(Math.multiplyExact(layer.outputs(), rowBytes()))]);
        float[] row = new float[columns];
        for (long i = 0; i < layer.outputs(); i++) {
            MemorySegment.copy(layer.weight().value().segment(), ValueLayout.JAVA_FLOAT, i * columns * Float.BYTES, row, 0, columns);
            rounded.encode(row, 0, columns, null, bytes, i * rowBytes());
        }
        return bytes;
    }
}
