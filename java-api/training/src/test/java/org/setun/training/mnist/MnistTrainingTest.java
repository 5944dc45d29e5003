package org.setun.training.mnist;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.NativeBackend;
import org.setun.nn.Precision;
import org.setun.testsupport.TestData;
import org.setun.training.TrainingResult;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.data.MnistDataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

/** Three epochs on the real images; {@code setun mnist} does the twenty of the full comparison. */
class MnistTrainingTest {

    private static final int EPOCHS = 3;
    private static MnistDataset training;
    private static MnistDataset test;

    @BeforeAll
    static void read() throws IOException {
        Path images = TestData.require("images/mnist/train-images-idx3-ubyte");
        training = MnistDataset.read(images, TestData.require("images/mnist/train-labels-idx1-ubyte"), 10);
        test = MnistDataset.read(TestData.require("images/mnist/t10k-images-idx3-ubyte"),
                TestData.require("images/mnist/t10k-labels-idx1-ubyte"), 10);
    }

    @Test
    void theTernaryModelComesCloseToItsTwin() throws IOException {
        try (Backend backend = Backends.open()) {
            Assumptions.assumeTrue(backend instanceof NativeBackend, "the reference backend is too slow for 180,000 images");
            MnistTraining mnist = new MnistTraining(backend, training, test);
            TrainingResult ternary = mnist.train(WeightQuantizer.TERNARY, Precision.FP32, EPOCHS, 1);
            TrainingResult twin = mnist.train(WeightQuantizer.NONE, Precision.FP32, EPOCHS, 1);
            System.out.printf("MNIST, %d epochs: ternary %.4f (%.0f samples/s), fp32 %.4f (%.0f samples/s)%n", EPOCHS, ternary.finalValue(),
                    ternary.unitsPerSecond(), twin.finalValue(), twin.unitsPerSecond());
            assertThat(twin.finalValue()).isGreaterThan(0.975);
            assertThat(ternary.finalValue()).isEqualTo(twin.finalValue(), within(0.015));
            assertThat(ternary.accuracyRetention(twin, true)).isGreaterThan(0.98);
            assertThat(ternary.evaluations()).hasSize(EPOCHS);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"UNIFORM", "FORMAT"})
    void otherQuantizersAreRefused(WeightQuantizer weights) {
        try (Backend backend = Backends.open()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new MnistTraining(backend, training, test).train(weights, Precision.FP32, 1, 1))
                    .withMessageContaining("weights: " + weights + ", must be TERNARY or NONE");
        }
    }

    /** Rounding the operands to bf16 costs less than another seed does. */
    @Test
    void bf16TrainsToTheSameAccuracy() throws IOException {
        try (Backend backend = Backends.open()) {
            Assumptions.assumeTrue(backend instanceof NativeBackend, "the reference backend is too slow for 240,000 images");
            MnistTraining mnist = new MnistTraining(backend, training, test);
            for (WeightQuantizer weights : List.of(WeightQuantizer.TERNARY, WeightQuantizer.NONE)) {
                TrainingResult fp32 = mnist.train(weights, Precision.FP32, 1, 1);
                TrainingResult bf16 = mnist.train(weights, Precision.BF16, 1, 1);
                System.out.printf("MNIST, 1 epoch: %s %.4f, %s %.4f%n", fp32.run(), fp32.finalValue(), bf16.run(), bf16.finalValue());
                assertThat(fp32.finalValue()).isGreaterThan(0.93);
                assertThat(bf16.finalValue()).isEqualTo(fp32.finalValue(), within(0.01));
            }
        }
    }
}
