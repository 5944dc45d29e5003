package org.setun.training.lm;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.Sha256;
import org.setun.training.ForkedJvm;
import org.setun.training.checkpoint.CheckpointStore;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A training process is killed, as {@code kill -9} does, at random times again and again: while it starts, computes, copies, writes, renames. It goes on
 * from its last whole checkpoint each time and ends with the bits of a run that nobody disturbed. {@code -Dsetun.kills=50} kills more often than the
 * default, which keeps the suite fast.
 */
class KillTest {

    private static final int KILLS = Integer.getInteger("setun.kills", 8);
    private static final int STEPS_PER_KILL = 16;
    private static final int MOST_STEPS = 12;
    private static final int MOST_MILLIS = 12;
    private static final int MOST_MILLIS_OF_START = 900;

    @TempDir
    Path folder;

    /** Reads the losses, by step, that a process prints; each step must have the bits it had before. */
    private static void read(ForkedJvm jvm, Map<Long, String> losses, List<String> first) throws Exception {
        List<String> lines = new ArrayList<>(first);
        for (String line = jvm.line(); line != null; line = jvm.line()) {
            lines.add(line);
        }
        for (String line : lines) {
            String[] parts = line.split(" ");
            if (parts.length == 2 && parts[1].length() == 16) { // the last line may be cut
                String before = losses.put(Long.parseLong(parts[0]), parts[1]);
                assertThat(before == null || before.equals(parts[1])).as("step %s", parts[0]).isTrue();
            }
        }
    }

    @Test
    @Timeout(600)
    void killedAtRandomTimesItEndsWithTheBitsOfAnUndisturbedRun() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed of the times: " + seed);
        Random random = new Random(seed);
        Path text = Runs.text(folder);
        String length = Integer.toString(STEPS_PER_KILL * KILLS);
        Map<Long, String> whole = new TreeMap<>();
        try (ForkedJvm jvm = ForkedJvm.start(ForkedRun.class, text.toString(), folder.resolve("whole").toString(), length)) {
            read(jvm, whole, List.of());
        }
        assertThat(whole).hasSize(STEPS_PER_KILL * KILLS);
        Path disturbed = folder.resolve("killed");
        Map<Long, String> losses = new TreeMap<>();
        int inTraining = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            try (ForkedJvm jvm = ForkedJvm.start(ForkedRun.class, text.toString(), disturbed.toString(), length)) {
                boolean starting = kill % 6 == 5;
                List<String> seen = new ArrayList<>();
                for (int steps = starting ? 0 : 1 + random.nextInt(MOST_STEPS); seen.size() < steps;) {
                    seen.add(jvm.line());
                }
                Thread.sleep(random.nextInt(starting ? MOST_MILLIS_OF_START : MOST_MILLIS));
                assertThat(jvm.isAlive()).as("there is something to kill").isTrue();
                jvm.kill();
                inTraining += seen.isEmpty() ? 0 : 1;
                read(jvm, losses, seen);
            }
        }
        assertThat(inTraining).isGreaterThanOrEqualTo(KILLS * 2 / 3);
        try (ForkedJvm jvm = ForkedJvm.start(ForkedRun.class, text.toString(), disturbed.toString(), length)) {
            String first = jvm.line();
            assertThat(Long.parseLong(first.split(" ")[0])).as("it went on, it did not start anew").isGreaterThan(1); // how far depends on the machine
            read(jvm, losses, List.of(first));
        }
        assertThat(losses).isEqualTo(whole);
        assertThat(newest(disturbed)).isEqualTo(newest(folder.resolve("whole")));
        try (Stream<Path> left = Files.list(disturbed.resolve("ternary"))) {
            assertThat(left.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".tmp"))).isEmpty();
        }
    }

    private static Map<String, String> newest(Path run) throws Exception {
        Path checkpoint = CheckpointStore.list(run.resolve("ternary")).getLast();
        Map<String, String> files = new TreeMap<>();
        for (String name : new String[]{CheckpointStore.MODEL_FILE, CheckpointStore.OPTIMIZER_FILE}) {
            files.put(checkpoint.getFileName() + "/" + name, Sha256.of(checkpoint.resolve(name)));
        }
        return files;
    }
}
