package org.setun.examples;

import java.util.Random;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.OptimOps;
import org.setun.kernels.Workspace;
import org.setun.nn.BitLinear;
import org.setun.nn.Initializer;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.function.CrossEntropy;
import org.setun.quant.Int8Absmax;
import org.setun.quant.TernaryAbsmean;

/** One BitLinear layer in a training loop of one's own: it learns which of eight inputs is the largest. */
public final class BitLinearIntegration {

    private static final int BATCH = 64;
    private static final int CLASSES = 8;
    private static final int STEPS = 200;

    private BitLinearIntegration() {
    }

    public static void main(String[] args) {
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            Parameter weight = new Initializer(pool, 1).normal("weight", 0.3, CLASSES, CLASSES);
            BitLinear layer = new BitLinear(weight, null, new Quantization(new TernaryAbsmean(), new Int8Absmax()));
            Tensor m = Tensor.allocate(pool, weight.value().type(), CLASSES, CLASSES);
            Tensor v = Tensor.allocate(pool, weight.value().type(), CLASSES, CLASSES);
            m.clear();
            v.clear();
            Random random = new Random(2);
            for (int step = 1; step <= STEPS; step++) {
                Tape tape = Tape.recording(backend, workspace);
                float[] x = new float[BATCH * CLASSES];
                int[] largest = new int[BATCH];
                fill(random, x, largest);
                Tensor logits = layer.forward(tape, Tensor.of(workspace, x, BATCH, CLASSES));
                Tensor loss = tape.apply(new CrossEntropy(BATCH), logits, Tensor.of(workspace, largest, BATCH));
                weight.clearGradient();
                tape.backward(loss);
                OptimOps.AdamW adamW = new OptimOps.AdamW(0.02f, 0.9f, 0.95f, 1e-8f, 0, (float) (1 - Math.pow(0.9, step)),
                        (float) (1 - Math.pow(0.95, step)));
                backend.adamW(adamW, weight.shape().size(), weight.value().segment(), weight.gradient().segment(), m.segment(), v.segment(), null);
                weight.markChanged();
                if (step == 1 || step % 50 == 0) {
                    System.out.printf("step %3d  loss %.4f%n", step, loss.item());
                }
                tape.reset();
                workspace.reset();
            }
        }
    }

    private static void fill(Random random, float[] x, int[] largest) {
        for (int row = 0; row < BATCH; row++) {
            for (int i = 0; i < CLASSES; i++) {
                x[row * CLASSES + i] = (float) random.nextGaussian();
                if (x[row * CLASSES + i] > x[row * CLASSES + largest[row]]) {
                    largest[row] = i;
                }
            }
        }
    }
}
