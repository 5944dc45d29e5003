package org.setun.training.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.training.ForkedJvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class CheckpointStoreTest {

    @TempDir
    Path folder;

    private static NamedTensor tensor(String name, float... values) {
        MemorySegment segment = Arena.ofAuto().allocate(values.length * 4L, 64);
        MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_FLOAT, 0, values.length);
        return new NamedTensor(name, new long[]{values.length}, segment);
    }

    private static Path save(CheckpointStore store, long step, double value) throws IOException {
        return store.save(SaveLoop.state(step, value), List.of(tensor("a", step, 2), tensor("b", 3)),
                List.of(tensor("a.m", step, 5), tensor("a.v", 6, 7)), Map.of("tokenizer.json", "{}".getBytes()));
    }

    private static float[] weights(Checkpoint checkpoint) throws IOException {
        NamedTensor a = tensor("a", 0, 0);
        checkpoint.loadWeights(List.of(a, tensor("b", 0)));
        return a.data().toArray(ValueLayout.JAVA_FLOAT);
    }

    private List<String> names() throws IOException {
        return CheckpointStore.list(folder).stream().map(path -> path.getFileName().toString()).toList();
    }

    @Test
    void whatIsSavedIsRead() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            save(store, 7, 1.25);
            Checkpoint checkpoint = store.latest(false).orElseThrow();
            assertThat(checkpoint.state()).isEqualTo(SaveLoop.state(7, 1.25));
            assertThat(weights(checkpoint)).containsExactly(7, 2);
            NamedTensor m = tensor("a.m", 0, 0);
            checkpoint.loadMoments(List.of(m, tensor("a.v", 0, 0)));
            assertThat(m.data().toArray(ValueLayout.JAVA_FLOAT)).containsExactly(7, 5);
            assertThat(checkpoint.folder().resolve("tokenizer.json")).hasContent("{}");
        }
    }

    @Test
    void theNewestAndTheBestStay() throws IOException {
        double[] values = {3, 1, 2, 4, Double.NaN, 5};
        try (CheckpointStore store = CheckpointStore.open(folder, 2, false)) {
            for (int i = 0; i < values.length; i++) {
                save(store, i + 1, values[i]);
            }
            assertThat(names()).containsExactly("step-00000002", "step-00000005", "step-00000006");
            assertThat(store.best().orElseThrow().getFileName()).hasToString("step-00000002");
        }
        try (CheckpointStore store = CheckpointStore.open(folder, 1, true)) {
            save(store, 7, 0);
            assertThat(names()).as("higher is better").containsExactly("step-00000006", "step-00000007");
        }
    }

    @Test
    void savingAStepAgainReplacesIt() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            save(store, 3, 1);
            SaveLoop.save(store, 3);
            assertThat(names()).containsExactly("step-00000003");
            assertThatThrownBy(() -> weights(store.latest(false).orElseThrow())).isInstanceOf(FormatException.class)
                    .hasMessageContaining("model.safetensors").hasMessageContaining("tensor 'w'")
                    .hasMessageContaining("which has 2 tensors here, the file 1");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "optimizer.safetensors", "tokenizer.json", "checkpoint.json"})
    void aFlippedBitOrTruncationIsRefusedAndNamed(String file) throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            save(store, 1, 1);
            Path damaged = save(store, 2, 1).resolve(file);
            byte[] good = Files.readAllBytes(damaged);
            Random random = new Random(1);
            for (int i = 0; i < 40; i++) {
                byte[] bad = good.clone();
                bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
                Files.write(damaged, bad);
                if (file.equals("checkpoint.json") && readsAs(store, good, damaged)) {
                    continue; // a digit of a number in the state: still a sound file
                }
                assertThatThrownBy(() -> store.latest(false)).isInstanceOf(FormatException.class)
                        .hasMessageContaining("step-00000002");
            }
            Files.write(damaged, Arrays.copyOf(good, good.length / 2));
            assertThatThrownBy(() -> store.latest(false)).isInstanceOf(FormatException.class).hasMessageContaining(file);
            assertThat(store.latest(true).orElseThrow().state().step()).as("falls back when told").isEqualTo(1);
            Files.delete(damaged);
            assertThatThrownBy(() -> store.latest(false)).isInstanceOf(FormatException.class).hasMessageContaining("is missing");
        }
    }

    private static boolean readsAs(CheckpointStore store, byte[] good, Path file) throws IOException {
        try {
            store.latest(false);
            return Files.size(file) == good.length;
        } catch (FormatException e) {
            return false;
        }
    }

    @Test
    void newerVersionsAndForeignFilesAreRefused() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            Path state = save(store, 1, 1).resolve("checkpoint.json");
            String text = Files.readString(state);
            Files.writeString(state, text.replace("\"version\" : 2", "\"version\" : 3"));
            assertThatThrownBy(() -> store.latest(false)).isInstanceOf(FormatException.class).hasMessageContaining("version")
                    .hasMessageContaining("3, this program reads 1 to 2");
            Files.writeString(state, text.replace("\"tokenizer.json\"", "\"../../passwd\""));
            assertThatThrownBy(() -> store.latest(false)).isInstanceOf(FormatException.class).hasMessageContaining("not in the checkpoint");
            Files.writeString(state, "{}");
            assertThatThrownBy(() -> store.latest(false)).isInstanceOf(FormatException.class).hasMessageContaining("format");
        }
    }

    /** As version 1 wrote it: SHA-256, and nothing of what callbacks remember. */
    @Test
    void aCheckpointOfVersionOneIsReadAndStillChecked() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            Path checkpoint = save(store, 1, 1.5);
            ObjectMapper json = new ObjectMapper();
            ObjectNode root = (ObjectNode) json.readTree(checkpoint.resolve("checkpoint.json").toFile());
            root.put("version", 1);
            ObjectNode sums = root.putObject("sha256");
            for (String name : List.of("model.safetensors", "optimizer.safetensors", "tokenizer.json")) {
                sums.put(name, Sha256.of(checkpoint.resolve(name)));
            }
            root.remove("crc32c");
            ObjectNode state = (ObjectNode) root.get("state");
            state.remove("memory");
            json.writeValue(checkpoint.resolve("checkpoint.json").toFile(), root);
            Checkpoint read = store.latest(false).orElseThrow();
            assertThat(read.state().memory()).isEmpty();
            assertThat(read.state().evaluations()).containsExactly(new TrainingState.Evaluation(1, 0, 1.5));
            assertThat(weights(read)).containsExactly(1, 2);
            Files.writeString(checkpoint.resolve("tokenizer.json"), "[]");
            assertThatThrownBy(() -> store.latest(false)).isInstanceOf(FormatException.class).hasMessageContaining("SHA-256");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"create", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "checkpoint.json", "rename"})
    void aSaveThatFailsAnywhereLeavesTheOldOnesIntact(String at) throws IOException {
        boolean[] full = {false};
        try (CheckpointStore store = CheckpointStore.open(folder, 1, false, action -> {
            if (full[0] && action.equals(at)) {
                throw new IOException("No space left on device");
            }
        })) {
            save(store, 1, 1);
            full[0] = true;
            assertThatThrownBy(() -> save(store, 2, 1)).isInstanceOf(IOException.class).hasMessageContaining("No space left");
            assertThat(weights(store.latest(false).orElseThrow())).containsExactly(1, 2);
            try (Stream<Path> left = Files.list(folder)) {
                assertThat(left.map(p -> p.getFileName().toString())).containsExactlyInAnyOrder(".lock", "step-00000001");
            }
            full[0] = false;
            save(store, 2, 1);
            assertThat(names()).contains("step-00000002");
        }
    }

    @Test
    void aSaveOfAStepThatIsThereAlreadyFailsWithoutLosingIt() throws IOException {
        boolean[] full = {false};
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false, action -> {
            if (full[0] && action.equals("replace")) {
                throw new IOException("No space left on device");
            }
        })) {
            save(store, 1, 1);
            full[0] = true;
            assertThatThrownBy(() -> save(store, 1, 2)).isInstanceOf(IOException.class).hasMessageContaining("No space left");
            assertThat(store.latest(false).orElseThrow().state()).isEqualTo(SaveLoop.state(1, 1));
        }
    }

    /** A limit on the size of files makes the write itself fail, as a full disk does. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aDeviceThatTakesNoMoreLeavesTheOldOnesIntact() throws Exception {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            save(store, 1, 1);
        }
        try (ForkedJvm jvm = ForkedJvm.start(List.of("bash", "-c", "ulimit -f 1000; exec \"$0\" \"$@\""), SaveLoop.class, folder.toString(),
                "2")) {
            assertThat(jvm.line()).as("nothing was saved").isNull();
            assertThat(jvm.waitFor()).isNotZero();
        }
        assertThat(names()).containsExactly("step-00000001");
        assertThat(weights(CheckpointStore.latest(folder, false).orElseThrow())).containsExactly(1, 2);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left.map(p -> p.getFileName().toString())).containsExactlyInAnyOrder(".lock", "step-00000001");
        }
    }

    @Test
    void killedInMidSaveTheLastWholeCheckpointCounts() throws Exception {
        Random random = new Random();
        long reached = 0;
        for (int round = 0; round < 4; round++) {
            try (ForkedJvm jvm = ForkedJvm.start(SaveLoop.class, folder.toString(), Long.toString(reached + 1))) {
                reached = Long.parseLong(jvm.line());
                Thread.sleep(random.nextInt(60));
                jvm.kill();
                for (String line = jvm.line(); line != null; line = jvm.line()) {
                    reached = Long.parseLong(line);
                }
            }
            Checkpoint latest = CheckpointStore.latest(folder, false).orElseThrow();
            assertThat(latest.state().step()).isBetween(reached, reached + 1);
            NamedTensor w = new NamedTensor("w", new long[]{SaveLoop.VALUES}, Arena.ofAuto().allocate(SaveLoop.VALUES * 4L, 64));
            latest.loadWeights(List.of(w));
            assertThat(w.data().getAtIndex(ValueLayout.JAVA_FLOAT, 1)).isEqualTo(latest.state().step() + 1f);
            reached = latest.state().step();
        }
        try (CheckpointStore store = CheckpointStore.open(folder, 2, false)) {
            assertThat(store.list()).isNotEmpty();
            try (Stream<Path> left = Files.list(folder)) {
                assertThat(left.map(p -> p.getFileName().toString()).filter(name -> name.endsWith(".tmp"))).as("leftovers").isEmpty();
            }
        }
    }

    @Test
    void anOldCheckpointThatMadeWayForALostOneComesBack() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            save(store, 1, 1);
        }
        Files.move(folder.resolve("step-00000001"), folder.resolve(".step-00000001.old.tmp"));
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            assertThat(store.latest(false)).isPresent();
        }
    }

    @Test
    void aSecondProcessIsToldWhoHasTheFolder() throws Exception {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            assertThatThrownBy(() -> CheckpointStore.open(folder, 0, false)).isInstanceOf(IOException.class)
                    .hasMessageContaining("in use by process " + ProcessHandle.current().pid());
            try (ForkedJvm jvm = ForkedJvm.start(SaveLoop.class, folder.toString(), "1")) {
                assertThat(jvm.line()).isNull();
                assertThat(jvm.waitFor()).isNotZero();
            }
            save(store, 1, 1);
        }
        CheckpointStore.open(folder, 0, false).close();
    }

    /** 25 MB of weights and 50 MB of moments; generous limits, since the machine is shared. */
    @Test
    void savingIsFastAndAddsLittle() throws IOException {
        int values = 6_250_000;
        NamedTensor w = new NamedTensor("w", new long[]{values}, Arena.ofAuto().allocate(values * 4L, 64));
        try (CheckpointStore store = CheckpointStore.open(folder, 1, false)) {
            long start = System.nanoTime();
            Path path = store.save(SaveLoop.state(1, 1), List.of(w), List.of(new NamedTensor("w.m", w.shape(), w.data()),
                    new NamedTensor("w.v", w.shape(), w.data())), Map.of());
            double saved = (System.nanoTime() - start) / 1e9;
            start = System.nanoTime();
            Checkpoint.open(path).loadWeights(List.of(w));
            double loaded = (System.nanoTime() - start) / 1e9;
            long total = 0;
            try (Stream<Path> files = Files.list(path)) {
                for (Path file : files.toList()) {
                    total += Files.size(file);
                }
            }
            System.out.printf("75 MB checkpoint: saved in %.3f s, checked and loaded in %.3f s%n", saved, loaded);
            assertThat(saved).isLessThan(10);
            assertThat(loaded).isLessThan(10);
            assertThat(3.0 * 4 * values / total).as("payload per byte on disk").isGreaterThan(0.99);
        }
    }
}
