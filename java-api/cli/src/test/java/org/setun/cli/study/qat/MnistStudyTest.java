package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class MnistStudyTest {

    @TempDir
    Path folder;

    /** Images of 4 x 4 pixels with one bright row or column, as MNIST is stored. */
    private void write(String prefix, int count, long seed) throws IOException {
        Random random = new Random(seed);
        ByteBuffer images = ByteBuffer.allocate(16 + 16 * count).putInt(2051).putInt(count).putInt(4).putInt(4);
        ByteBuffer labels = ByteBuffer.allocate(8 + count).putInt(2049).putInt(count);
        for (int i = 0; i < count; i++) {
            int label = random.nextInt(8);
            labels.put((byte) label);
            for (int pixel = 0; pixel < 16; pixel++) {
                boolean bright = label < 4 ? pixel / 4 == label : pixel % 4 == label - 4;
                images.put((byte) (random.nextInt(100) + (bright ? 100 : 0)));
            }
        }
        Files.write(folder.resolve(prefix + "-images-idx3-ubyte"), images.array());
        Files.write(folder.resolve(prefix + "-labels-idx1-ubyte"), labels.array());
    }

    @Test
    void aStoppedStudyKeepsWhatIsDoneAndGoesOn() throws IOException {
        write("train", 300, 1);
        write("t10k", 100, 2);
        Path out = folder.resolve("out");
        List<String> said = new ArrayList<>();
        try (Backend backend = Backends.open(); StopFlag stop = new StopFlag()) {
            // 3 steps an epoch, 2 epochs: the second network is stopped
            assertThatThrownBy(() -> MnistStudy.run(folder, out, 2, 2, backend, stop, said::add, StudyTexts.stopsAfter(8, stop)))
                    .isInstanceOf(StudyStoppedException.class);
            assertThat(said).containsExactly("trains fp32-seed1", "trains ternary-seed1");
            said.clear();
            MnistStudy.Report report = MnistStudy.run(folder, out, 2, 2, backend, new StopFlag(), said::add, StudyTexts.none());
            assertThat(said).containsExactly("trains ternary-seed1", "trains fp32-seed2", "trains ternary-seed2");
            assertThat(report.runs()).hasSize(4).allSatisfy(run -> assertThat(run.accuracies()).hasSize(2).endsWith(run.accuracy()));
            assertThat(report.runs()).extracting(MnistStudy.Run::arm).containsExactly("fp32", "ternary", "fp32", "ternary");
            assertThatIllegalArgumentException().isThrownBy(() -> MnistStudy.run(folder, out, 3, 2, backend, stop, said::add,
                    StudyTexts.none())).withMessageContaining("epochs = 2, not 3");
            write("t10k", 100, 3);
            assertThatIllegalArgumentException().isThrownBy(() -> MnistStudy.run(folder, out, 2, 2, backend, stop, said::add,
                    StudyTexts.none())).withMessageContaining("images_sha256 = ");
        }
    }

    @Test
    void gapsArePairedAndJudged() {
        MnistStudy.Report report = MnistStudy.report(20, List.of(run("fp32", 1, 0.984), run("ternary", 1, 0.982), run("fp32", 2, 0.985),
                run("ternary", 2, 0.981)));
        assertThat(report.gap().estimate()).isEqualTo(0.003, within(1e-12));
        assertThat(report.twin().estimate()).isEqualTo(0.9845, within(1e-12));
        assertThat(report.markdown()).contains("| 1 | 98.40 % | 98.20 % |", "| mean | 98.45 % | 98.15 % |", "+0.30 [-0.97, +1.57] points");
        MnistStudy.Report worse = MnistStudy.report(20, List.of(run("fp32", 1, 0.984), run("ternary", 1, 0.9805)));
        assertThat(worse.withinWantedGap()).isFalse();
        assertThat(worse.markdown()).contains("+0.35 points", "NOT kept");
    }

    private static MnistStudy.Run run(String arm, long seed, double accuracy) {
        return new MnistStudy.Run(arm, seed, accuracy, List.of(accuracy), 1, 1, "cpu");
    }
}
