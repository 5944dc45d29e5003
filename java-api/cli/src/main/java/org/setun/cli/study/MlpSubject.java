package org.setun.cli.study;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.setun.eval.ModelComparison;
import org.setun.formats.FormatException;
import org.setun.training.data.IdxFile;

/**
 * A classifier of one hidden layer, {@code softmax(relu(x K1 + b1) K2 + b2)}, as TensorFlow.js stores it: model.json with the manifest of a
 * file of little-endian fp32 values. Pixels are divided by 255. Windows are 100 images; the loss is the cross entropy of the label.
 */
final class MlpSubject implements Subject {

    private static final int WINDOW = 100;

    private final String name;
    private final List<Matrix> matrices = new ArrayList<>();
    private final List<float[]> biases = new ArrayList<>();
    private final float[] images;
    private final int[] labels;

    private MlpSubject(String name, float[] images, int[] labels) {
        this.name = name;
        this.images = images;
        this.labels = labels;
    }

    /**
     * Reads a model and the images to judge it by.
     *
     * @param manifest  model.json
     * @param pictures idx images
     * @param answers  idx labels
     * @throws FormatException if they do not fit together
     */
    static MlpSubject open(Path manifest, Path pictures, Path answers) throws IOException {
        JsonNode weights = new ObjectMapper().readTree(manifest.toFile()).path("weightsManifest").path(0);
        Path data = manifest.resolveSibling(Path.of(weights.path("paths").path(0).asText("weights.bin")).getFileName());
        ByteBuffer values = ByteBuffer.wrap(Files.readAllBytes(data)).order(ByteOrder.LITTLE_ENDIAN);
        IdxFile pixels = IdxFile.read(pictures, 3);
        IdxFile classes = IdxFile.read(answers, 1);
        float[] images = new float[pixels.data().length];
        for (int i = 0; i < images.length; i++) {
            images[i] = (pixels.data()[i] & 0xFF) / 255f;
        }
        int[] labels = new int[classes.data().length];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = classes.data()[i] & 0xFF;
        }
        MlpSubject subject = new MlpSubject("MNIST MLP", images, labels);
        JsonNode entries = weights.path("weights");
        if (entries.size() != 4) {
            throw new FormatException(manifest.toString(), 0, "weightsManifest",
                    entries.size() + " weights, not two kernels and two biases",
                    "");
        }
        for (int layer = 0; layer < 2; layer++) {
            JsonNode kernel = entries.path(2 * layer);
            int inputs = kernel.path("shape").path(0).asInt();
            int outputs = kernel.path("shape").path(1).asInt();
            if (inputs < 1 || outputs < 1 || 4L * inputs * outputs + 4L * outputs > values.remaining()) {
                throw new FormatException(data.toString(), values.position(), "weights of layer " + layer,
                        inputs + " x " + outputs + " do not fit the file", "");
            }
            float[] transposed = new float[inputs * outputs];
            for (int i = 0; i < inputs; i++) {
                for (int o = 0; o < outputs; o++) {
                    transposed[o * inputs + i] = values.getFloat();
                }
            }
            subject.matrices.add(new Matrix(kernel.path("name").asText("layer " + layer), outputs, inputs, transposed));
            float[] bias = new float[outputs];
            for (int o = 0; o < outputs; o++) {
                bias[o] = values.getFloat();
            }
            subject.biases.add(bias);
        }
        subject.requireFit(manifest);
        return subject;
    }

    private void requireFit(Path manifest) {
        int features = matrices.get(0).columns();
        int classes = matrices.get(1).rows();
        if ((long) features * labels.length != images.length || matrices.get(1).columns() != matrices.get(0).rows()
                || labels.length < WINDOW) {
            throw new FormatException(manifest.toString(), 0, "shapes",
                    "the layers and the " + labels.length + " images do not fit together",
                    "");
        }
        for (int label : labels) {
            if (label >= classes) {
                throw new FormatException(manifest.toString(), 0, "labels", "label " + label + " is not below " + classes, "");
            }
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String data() {
        return String.format("%,d images", labels.length);
    }

    @Override
    public List<Matrix> matrices() {
        return List.copyOf(matrices);
    }

    @Override
    public Map<String, double[]> inputProducts() {
        Map<String, double[]> products = new LinkedHashMap<>();
        int features = matrices.get(0).columns();
        int hidden = matrices.get(0).rows();
        double[] first = new double[features * features];
        double[] second = new double[hidden * hidden];
        float[] x = new float[features];
        float[] h = new float[hidden];
        for (int image = 0; image < Math.min(labels.length, 1000); image++) {
            System.arraycopy(images, image * features, x, 0, features);
            layer(matrices.get(0).values(), biases.get(0), x, h);
            relu(h);
            addOuter(first, x);
            addOuter(second, h);
        }
        products.put(matrices.get(0).name(), first);
        products.put(matrices.get(1).name(), second);
        return products;
    }

    private static void addOuter(double[] sum, float[] x) {
        for (int i = 0; i < x.length; i++) {
            if (x[i] != 0) {
                for (int j = 0; j < x.length; j++) {
                    sum[i * x.length + j] += (double) x[i] * x[j];
                }
            }
        }
    }

    @Override
    public ModelComparison.Result compare(Map<String, float[]> replaced) {
        List<ModelComparison.Window> windows = new ArrayList<>();
        int features = matrices.get(0).columns();
        float[] x = new float[features];
        for (int from = 0; from + WINDOW <= labels.length; from += WINDOW) {
            double referenceLoss = 0;
            double loss = 0;
            double divergence = 0;
            int agreed = 0;
            int hits = 0;
            for (int image = from; image < from + WINDOW; image++) {
                System.arraycopy(images, image * features, x, 0, features);
                double[] expected = logProbabilities(x, Map.of());
                double[] actual = logProbabilities(x, replaced);
                referenceLoss -= expected[labels[image]];
                loss -= actual[labels[image]];
                for (int c = 0; c < expected.length; c++) {
                    divergence += Math.exp(expected[c]) * (expected[c] - actual[c]);
                }
                agreed += argmax(expected) == argmax(actual) ? 1 : 0;
                hits += argmax(actual) == labels[image] ? 1 : 0;
            }
            windows.add(new ModelComparison.Window(WINDOW, referenceLoss, loss, divergence, agreed, hits));
        }
        return new ModelComparison.Result(windows);
    }

    private double[] logProbabilities(float[] x, Map<String, float[]> replaced) {
        float[] h = new float[matrices.get(0).rows()];
        layer(replaced.getOrDefault(matrices.get(0).name(), matrices.get(0).values()), biases.get(0), x, h);
        relu(h);
        float[] logits = new float[matrices.get(1).rows()];
        layer(replaced.getOrDefault(matrices.get(1).name(), matrices.get(1).values()), biases.get(1), h, logits);
        double largest = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            largest = Math.max(largest, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - largest);
        }
        double[] result = new double[logits.length];
        for (int c = 0; c < result.length; c++) {
            result[c] = logits[c] - largest - Math.log(sum);
        }
        return result;
    }

    private static void layer(float[] weights, float[] bias, float[] x, float[] y) {
        for (int o = 0; o < y.length; o++) {
            float sum = bias[o];
            for (int i = 0; i < x.length; i++) {
                sum += weights[o * x.length + i] * x[i];
            }
            y[o] = sum;
        }
    }

    private static void relu(float[] h) {
        for (int i = 0; i < h.length; i++) {
            h[i] = Math.max(0, h[i]);
        }
    }

    private static int argmax(double[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            best = values[i] > values[best] ? i : best;
        }
        return best;
    }

    @Override
    public void close() {
        // nothing is held open
    }
}
