package org.setun.training.data;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.FormatException;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Quantization;
import org.setun.testsupport.TestData;
import org.setun.training.Trainer;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;
import org.setun.training.mnist.MnistTask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class IdxFileTest {

    @TempDir
    Path folder;

    private static byte[] idx(int[] shape, byte[] data) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeInt(0x800 | shape.length);
        for (int size : shape) {
            out.writeInt(size);
        }
        out.write(data);
        return bytes.toByteArray();
    }

    @Test
    void readsPlainAndPacked() throws IOException {
        byte[] bytes = idx(new int[]{2, 1, 3}, new byte[]{1, 2, 3, 4, 5, (byte) 255});
        Path plain = Files.write(folder.resolve("a"), bytes);
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
            gzip.write(bytes);
        }
        Path gz = Files.write(folder.resolve("a.gz"), packed.toByteArray());
        for (Path file : new Path[]{plain, gz}) {
            IdxFile idx = IdxFile.read(file, 3);
            assertThat(idx.shape()).containsExactly(2, 1, 3);
            assertThat(idx.data()).containsExactly(1, 2, 3, 4, 5, 255);
        }
        Path cut = Files.write(folder.resolve("cut.gz"), Arrays.copyOf(packed.toByteArray(), packed.size() - 9));
        assertThatThrownBy(() -> IdxFile.read(cut, 3)).isInstanceOf(FormatException.class).hasMessageContaining("cut.gz");
    }

    @Test
    void sizesMustMatch() throws IOException {
        byte[] good = idx(new int[]{2, 2}, new byte[]{1, 2, 3, 4});
        for (int length = 0; length < good.length; length++) {
            Path file = Files.write(folder.resolve("short"), Arrays.copyOf(good, length));
            assertThatThrownBy(() -> IdxFile.read(file, 2)).as("length %d", length).isInstanceOf(FormatException.class);
        }
        Path longer = Files.write(folder.resolve("long"), Arrays.copyOf(good, good.length + 1));
        assertThatThrownBy(() -> IdxFile.read(longer, 2)).isInstanceOf(FormatException.class).hasMessageContaining("more than the 4");
        Path huge = Files.write(folder.resolve("huge"), idx(new int[]{Integer.MAX_VALUE, Integer.MAX_VALUE}, new byte[4]));
        assertThatThrownBy(() -> IdxFile.read(huge, 2)).isInstanceOf(FormatException.class).hasMessageContaining("size");
        Path negative = Files.write(folder.resolve("negative"), idx(new int[]{-1}, new byte[4]));
        assertThatThrownBy(() -> IdxFile.read(negative, 1)).isInstanceOf(FormatException.class);
        assertThatThrownBy(() -> IdxFile.read(longer, 1)).isInstanceOf(FormatException.class).hasMessageContaining("magic");
    }

    @Property
    void anyBytesAreReadOrRefused(@ForAll @Size(max = 40) byte[] bytes) throws IOException {
        Path file = Files.createTempFile("idx", ".bin");
        try {
            Files.write(file, bytes);
            IdxFile.read(file, 1);
        } catch (FormatException e) {
            assertThat(e).hasMessageContaining(file.toString());
        } finally {
            Files.delete(file);
        }
    }

    @Test
    void labelsMustFitTheImages() throws IOException {
        Path images = Files.write(folder.resolve("i"), idx(new int[]{2, 1, 1}, new byte[2]));
        Path one = Files.write(folder.resolve("one"), idx(new int[]{1}, new byte[1]));
        Path ten = Files.write(folder.resolve("ten"), idx(new int[]{2}, new byte[]{3, 10}));
        assertThatThrownBy(() -> MnistDataset.read(images, one, 10)).isInstanceOf(FormatException.class).hasMessageContaining("1 labels");
        assertThatThrownBy(() -> MnistDataset.read(images, ten, 10)).isInstanceOf(FormatException.class)
                .hasMessageContaining("must be below 10");
        assertThat(MnistDataset.read(images, ten, 11).size()).isEqualTo(2);
    }

    @Test
    void aClassWithoutImagesIsAWarning() throws IOException {
        Path images = Files.write(folder.resolve("i"), idx(new int[]{3, 1, 1}, new byte[3]));
        Path labels = Files.write(folder.resolve("l"), idx(new int[]{3}, new byte[]{0, 1, 3}));
        MnistDataset data = MnistDataset.read(images, labels, 4);
        assertThat(data.classWithoutImages()).isEqualTo(2);
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            MnistTask task = new MnistTask(data, data, List.of(4L), Quantization.NONE, pool, 1);
            assertThat(task.warnings()).singleElement().asString().contains("class 2 of 4 has no training image", "fewer classes");
            List<String> messages = new ArrayList<>();
            try (Workspace workspace = new Workspace(backend)) {
                Trainer.builder(backend, task, ConfigReader.override(TrainingConfig.defaults(), List.of("training.max_steps=1",
                        "training.batch_size=2", "schedule.warmup_steps=0"))).listener((event, control) -> {
                            if (event instanceof TrainingEvent.Warning warning) {
                                messages.add(warning.message());
                            }
                        }).build(pool, workspace).train();
            }
            assertThat(messages).isEqualTo(task.warnings());
        }
        Path two = Files.write(folder.resolve("two"), idx(new int[]{3}, new byte[]{0, 1, 1}));
        assertThat(MnistDataset.read(images, two, 2).classWithoutImages()).isEqualTo(-1);
    }

    @Test
    void readsMnist() throws IOException {
        MnistDataset test = MnistDataset.read(TestData.require("images/mnist/t10k-images-idx3-ubyte"),
                TestData.require("images/mnist/t10k-labels-idx1-ubyte"), 10);
        assertThat(test.size()).isEqualTo(10_000);
        assertThat(test.features()).isEqualTo(784);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x = arena.allocate(10_000L * 784 * 4);
            MemorySegment y = arena.allocate(10_000L * 4);
            test.evaluation(0, 10_000, x, y);
            assertThat(y.get(ValueLayout.JAVA_INT, 0)).isEqualTo(7);
            long[] histogram = new long[10];
            test.training(1, 5_000, 10_000, x, y);
            for (int i = 0; i < 10_000; i++) {
                histogram[y.getAtIndex(ValueLayout.JAVA_INT, i)]++;
            }
            assertThat(histogram[1]).isBetween(1000L, 1300L);
            double sum = 0;
            for (long i = 0; i < 7_840_000; i++) {
                sum += x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            }
            assertThat(sum / 7_840_000).isBetween(-0.05, 0.05);
        }
    }
}
