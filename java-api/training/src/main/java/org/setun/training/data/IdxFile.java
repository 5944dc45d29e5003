package org.setun.training.data;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.setun.formats.FormatException;

/**
 * An array of unsigned bytes in the idx format of MNIST (yann.lecun.com/exdb/mnist): two zero bytes, the type 0x08, the number of
 * dimensions, each size as big-endian i32, then the values. Plain or packed with gzip, told apart by their first bytes.
 *
 * @param shape sizes, outermost first
 * @param data the values; as many as the product of the sizes
 */
public record IdxFile(int[] shape, byte[] data) {

    private static final int UNSIGNED_BYTE = 0x08;
    private static final int MAX_DIMENSIONS = 8;

    /** Reads {@code file}; it must have {@code dimensions} dimensions and end with its last value. */
    public static IdxFile read(Path file, int dimensions) throws IOException {
        if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
            throw new IllegalArgumentException("dimensions: " + dimensions + ", must be in [1, " + MAX_DIMENSIONS + "]");
        }
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
                DataInputStream in = new DataInputStream(unpacked(raw))) {
            return parse(file, in, dimensions);
        } catch (EOFException | ZipException e) {
            throw bad(file, "length", "the file is truncated or damaged: " + e.getMessage());
        }
    }

    private static InputStream unpacked(InputStream raw) throws IOException {
        raw.mark(2);
        boolean packed = raw.read() == 0x1f && raw.read() == 0x8b;
        raw.reset();
        return packed ? new GZIPInputStream(raw, 1 << 16) : raw;
    }

    private static IdxFile parse(Path file, DataInputStream in, int dimensions) throws IOException {
        int magic = in.readInt();
        if (magic != (UNSIGNED_BYTE << 8 | dimensions)) {
            throw bad(file, "magic", String.format("0x%08x, must be 0x%08x: unsigned bytes in %d dimensions", magic,
                    UNSIGNED_BYTE << 8 | dimensions, dimensions));
        }
        int[] shape = new int[dimensions];
        long values = 1;
        for (int i = 0; i < dimensions; i++) {
            shape[i] = in.readInt();
            if (shape[i] < 0 || values > 0 && shape[i] > (Integer.MAX_VALUE - 8) / values) {
                throw bad(file, "size " + i, shape[i] + ", the sizes so far are " + Arrays.toString(shape) + ", at most 2^31 values");
            }
            values *= shape[i];
        }
        byte[] data = in.readNBytes((int) values);
        if (data.length < values) {
            throw bad(file, "length", data.length + " values, its sizes " + Arrays.toString(shape) + " promise " + values);
        }
        if (in.read() >= 0) {
            throw bad(file, "length", "more than the " + values + " values that its sizes " + Arrays.toString(shape) + " promise");
        }
        return new IdxFile(shape, data);
    }

    private static FormatException bad(Path file, String field, String problem) {
        return new FormatException(file.toString(), FormatException.NO_OFFSET, field, problem, "");
    }
}
