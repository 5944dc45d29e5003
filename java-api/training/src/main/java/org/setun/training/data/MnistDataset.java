package org.setun.training.data;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.security.MessageDigest;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;

/**
 * Images with labels from two idx files: MNIST or anything in its form. Pixels become {@code (p / 255 - mean) / deviation}, with the mean
 * and deviation of MNIST's training images. The order of an epoch follows from the seed. Free-threaded.
 */
public final class MnistDataset {

    private static final float MEAN = 0.1307f;
    private static final float DEVIATION = 0.3081f;

    private final byte[] pixels;
    private final byte[] labels;
    private final int features;
    private final int classes;
    private final float[] values = new float[256];

    private MnistDataset(byte[] pixels, byte[] labels, int features, int classes) {
        this.pixels = pixels;
        this.labels = labels;
        this.features = features;
        this.classes = classes;
        for (int i = 0; i < values.length; i++) {
            values[i] = (i / 255f - MEAN) / DEVIATION;
        }
    }

    /** Reads images [n][rows][columns] and labels [n], each label below {@code classes}. */
    public static MnistDataset read(Path images, Path labels, int classes) throws IOException {
        IdxFile pictures = IdxFile.read(images, 3);
        IdxFile answers = IdxFile.read(labels, 1);
        int n = pictures.shape()[0];
        if (n == 0 || n != answers.shape()[0]) {
            throw new FormatException(labels.toString(), 4, "count", answers.shape()[0] + " labels for the " + n + " images of " + images,
                    "");
        }
        for (int i = 0; i < n; i++) {
            if ((answers.data()[i] & 0xFF) >= classes) {
                throw new FormatException(labels.toString(), 8L + i, "label", (answers.data()[i] & 0xFF) + ", must be below " + classes,
                        "");
            }
        }
        return new MnistDataset(pictures.data(), answers.data(), pictures.shape()[1] * pictures.shape()[2], classes);
    }

    /** Of the labels and pixels, however their files are packed. */
    public String sha256() {
        MessageDigest digest = Sha256.digest();
        digest.update(labels); // as many as there are images, so the pixels have one meaning
        digest.update(pixels);
        return Sha256.text(digest);
    }

    /** The lowest label that no image has; -1 if every class has images. */
    public int classWithoutImages() {
        boolean[] seen = new boolean[classes];
        for (byte label : labels) {
            seen[label & 0xFF] = true;
        }
        for (int label = 0; label < classes; label++) {
            if (!seen[label]) {
                return label;
            }
        }
        return -1;
    }

    /** Number of images. */
    public int size() {
        return labels.length;
    }

    /** Pixels of an image. */
    public int features() {
        return features;
    }

    public int classes() {
        return classes;
    }

    /** Fills {@code x} f32[count][features] and {@code y} i32[count] with the samples {@code [first, first + count)} of all epochs' orders. */
    public void training(long seed, long first, int count, MemorySegment x, MemorySegment y) {
        if (first < 0 || count < 1) {
            throw new IllegalArgumentException("samples: " + count + " from " + first + ", must be at least 1 from 0 on");
        }
        long epoch = -1;
        Permutation order = new Permutation(1, 0);
        for (int row = 0; row < count; row++) {
            long sample = first + row;
            if (sample / size() != epoch) {
                epoch = sample / size();
                order = new Permutation(size(), Permutation.mix(seed ^ Permutation.mix(epoch)));
            }
            fill((int) order.at(sample % size()), row, x, y);
        }
    }

    /** Fills {@code x} and {@code y} with the images {@code [first, first + count)} of the file. */
    public void evaluation(int first, int count, MemorySegment x, MemorySegment y) {
        if (first < 0 || count < 1 || count > size() - first) {
            throw new IllegalArgumentException("images: " + count + " from " + first + ", there are " + size());
        }
        for (int row = 0; row < count; row++) {
            fill(first + row, row, x, y);
        }
    }

    private void fill(int image, int row, MemorySegment x, MemorySegment y) {
        long to = (long) row * features * Float.BYTES;
        int from = image * features;
        for (int i = 0; i < features; i++) {
            x.set(ValueLayout.JAVA_FLOAT_UNALIGNED, to + (long) i * Float.BYTES, values[pixels[from + i] & 0xFF]);
        }
        y.set(ValueLayout.JAVA_INT_UNALIGNED, (long) row * Integer.BYTES, labels[image] & 0xFF);
    }
}
