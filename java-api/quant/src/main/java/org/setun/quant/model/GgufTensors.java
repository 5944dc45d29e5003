package org.setun.quant.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.incoherence.Rotations;
import org.setun.quant.ptq.SetunGguf;
import org.setun.quant.ptq.StoredRotation;

/**
 * The tensors of a GGUF file, those in Setun's own formats and those between two rotations included. One thread at a time: rotations that
 * matrices share are made where the first one asks for them.
 */
public class GgufTensors implements TensorSource {

    private final GgufFile file;
    private final SetunGguf stored;
    private final Set<String> names;
    private final Rotations rotations;

    /** Those of {@code file}, which stays open as long as they are read; {@code stored} is what it says of them. */
    public GgufTensors(GgufFile file, SetunGguf stored) {
        this(file, stored, new ReferenceBackend());
    }

    /** With rotations that run on {@code backend}. */
    protected GgufTensors(GgufFile file, SetunGguf stored, Backend backend) {
        this.rotations = Rotations.ofFile(backend);
        this.file = file;
        this.stored = stored;
        this.names = file.tensors().stream().map(GgufTensor::name).collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public Set<String> names() {
        return names;
    }

    @Override
    public void require(String name, long... shape) {
        GgufTensor info = file.info(name);
        long[] found = tensor(name).shape();
        if (!Arrays.equals(found, shape)) {
            throw new FormatException(file.name(), info.offset(), "tensor '" + name + "'",
                    "has shape " + Arrays.toString(found) + ", the metadata ask for " + Arrays.toString(shape), "");
        }
    }

    @Override
    public void readFloats(String name, MemorySegment out) {
        readStored(name, out);
        if (tensor(name).rotation().isPresent()) {
            rotation(name).restoreWeights(out);
        }
    }

    /** How a tensor is stored. */
    protected final SetunGguf.Tensor tensor(String name) {
        return stored.find(name).orElseThrow(() -> error("tensor " + name + " is missing"));
    }

    /** The values of a tensor as they are stored: between its rotations, if it has any. */
    protected final void readStored(String name, MemorySegment out) {
        SetunGguf.Tensor tensor = tensor(name);
        GgmlType type = file.info(name).type();
        if (tensor.format().isPresent()) {
            decode(tensor, tensor.format().get(), out);
        } else if (type == GgmlType.F32) {
            out.copyFrom(file.tensor(name));
        } else if (Dequantizer.supports(type)) {
            Dequantizer.decode(type, file.tensor(name), out);
        } else {
            file.floats(name); // which says what can be read
        }
    }

    /** Decodes a matrix of one of our own formats, row by row. */
    private void decode(SetunGguf.Tensor tensor, WeightFormat format, MemorySegment out) {
        MemorySegment blocks = file.tensor(tensor.name());
        int columns = Math.toIntExact(tensor.shape()[1]);
        long rowBytes = format.rowBytes(columns);
        float[] row = new float[columns];
        for (long i = 0; i < tensor.shape()[0]; i++) {
            format.decode(blocks, i * rowBytes, columns, row, 0);
            MemorySegment.copy(row, 0, out, ValueLayout.JAVA_FLOAT_UNALIGNED, i * columns * Float.BYTES, columns);
        }
    }

    /**
     * The rotations of a matrix that has them.
     *
     * @throws FormatException if this version would make others than those that the file was made with
     */
    protected final IncoherenceTransform rotation(String name) {
        SetunGguf.Tensor tensor = tensor(name);
        StoredRotation rotation = tensor.rotation().orElseThrow();
        try {
            return rotation.restore(rotations, tensor.shape()[0], tensor.shape()[1]);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new FormatException(file.name(), file.info(name).offset(), "tensor '" + name + "'", String.valueOf(e.getMessage()), "",
                    e);
        }
    }

    @Override
    public FormatException error(String message) {
        return new FormatException(file.name(), FormatException.NO_OFFSET, "model", message, "");
    }
}
