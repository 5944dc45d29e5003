package org.setun.cli.bench;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.setun.cli.bench.Figure.Unit;
import org.setun.formats.FileTree;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointSaver;
import org.setun.training.checkpoint.CheckpointSaver.Outcome;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.checkpoint.TrainingState;

/**
 * {@code setun bench checkpoint}: how long a save holds up training, how its rate compares with that of the device, and how long loading takes. Saves
 * and plain files of as many bytes take turns, so that both see the same device. What is saved are fp32 weights and two moments of AdamW in tensors
 * of a million values.
 */
public final class CheckpointBench {

    private static final int TENSOR = 1_000_000;
    private static final int CHUNK = 1 << 20;
    private static final double MUST_STALL = 0.5;
    private static final double MUST_SHARE = 0.8;
    private static final double MUST_LOAD = 1;

    private final long parameters;
    private final int rounds;
    private final Path folder;
    private final Consumer<String> progress;

    /**
     * A measurement.
     *
     * @param parameters of the model
     * @param rounds     saves; medians are reported, of stalls the worst
     * @param folder     on the device to measure; a folder of its own is made there, and removed
     * @param progress   told what is measured next
     */
    public CheckpointBench(long parameters, int rounds, Path folder, Consumer<String> progress) {
        if (parameters < 1 || rounds < 1) {
            throw new IllegalArgumentException("parameters = " + parameters + ", rounds = " + rounds + ": must be at least 1");
        }
        this.parameters = parameters;
        this.rounds = rounds;
        this.folder = folder;
        this.progress = progress;
    }

    /** Measures. */
    public List<Figure> measure() throws IOException {
        Path own = Files.createTempDirectory(folder, "setun-bench");
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            return measure(own, pool);
        } finally {
            FileTree.delete(own);
        }
    }

    private List<Figure> measure(Path own, MemoryPool pool) throws IOException {
        List<NamedTensor> weights = tensors(pool, "", 1);
        List<NamedTensor> moments = new ArrayList<>(tensors(pool, ".m", 2));
        moments.addAll(tensors(pool, ".v", 3));
        List<NamedTensor> all = Stream.concat(weights.stream(), moments.stream()).toList();
        long bytes = all.stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
        Samples plain = new Samples();
        Samples saves = new Samples();
        Samples loads = new Samples();
        double stall = 0;
        try (CheckpointStore store = CheckpointStore.open(own, 1, false);
                CheckpointSaver saver = new CheckpointSaver(store, weights, moments, pool)) {
            for (int round = 0; round <= rounds; round++) {
                progress.accept("round " + round + " of " + rounds);
                // by turns first: a device that has just taken a burst is slower
                double before = round % 2 == 0 ? writeAndForce(own.resolve("plain"), all) : Double.NaN;
                saver.save(state(round), Map.of());
                Outcome outcome = saver.join().getFirst();
                if (outcome.failure() != null) {
                    throw outcome.failure();
                }
                double file = Double.isNaN(before) ? writeAndForce(own.resolve("plain"), all) : before;
                double load = load(outcome.folder(), weights, moments);
                if (round > 0) { // the first warms up
                    plain.add(file);
                    saves.add(outcome.seconds());
                    loads.add(load);
                    stall = Math.max(stall, outcome.stallSeconds());
                }
            }
        }
        String size = String.format(Locale.ROOT, "checkpoint of %,d parameters, %,d MB: ", parameters, bytes / 1_000_000);
        double device = bytes / plain.median() / 1e9;
        double save = bytes / saves.median() / 1e9;
        return List.of(
                Figure.atMost(size + "training waits, at most", MUST_STALL, Double.NaN, stall, Unit.MILLIS, "the copy, in memory"),
                Figure.atLeast(size + "rate of a durable save, of that of a plain file", MUST_SHARE, Double.NaN, save / device,
                        Unit.PERCENT, String.format(Locale.ROOT, "%.2f of %.2f GB/s, both forced to the device", save, device)),
                Figure.atMost(size + "check and load, warm", MUST_LOAD, Double.NaN, loads.median(), Unit.MILLIS, "CRC-32C of every byte"));
    }

    private List<NamedTensor> tensors(MemoryPool pool, String suffix, long seed) {
        List<NamedTensor> tensors = new ArrayList<>();
        for (long from = 0; from < parameters; from += TENSOR) {
            long count = Math.min(TENSOR, parameters - from);
            MemorySegment data = pool.allocate(count * Float.BYTES).segment();
            long bits = seed + from;
            for (long i = 0; i < count; i++) { // no device may compress it
                bits = bits * 0x5851f42d4c957f2dL + 0x14057b7ef767814fL;
                data.setAtIndex(ValueLayout.JAVA_INT, i, (int) (bits >>> 32));
            }
            tensors.add(new NamedTensor("blk." + from / TENSOR + ".weight" + suffix, new long[]{count}, data));
        }
        return tensors;
    }

    private static TrainingState state(long step) {
        return new TrainingState("bench", step, step, step, 0, 1, 0, 0, List.of(), Map.of(), Map.of());
    }

    private static double writeAndForce(Path file, List<NamedTensor> tensors) throws IOException {
        long start = System.nanoTime();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (NamedTensor tensor : tensors) {
                for (long from = 0; from < tensor.data().byteSize(); from += CHUNK) {
                    ByteBuffer bytes = tensor.data().asSlice(from, Math.min(CHUNK, tensor.data().byteSize() - from)).asByteBuffer();
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                }
            }
            channel.force(true);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        Files.delete(file);
        return seconds;
    }

    private static double load(Path checkpoint, List<NamedTensor> weights, List<NamedTensor> moments) throws IOException {
        long start = System.nanoTime();
        Checkpoint read = Checkpoint.open(checkpoint);
        read.loadWeights(weights);
        read.loadMoments(moments);
        return (System.nanoTime() - start) / 1e9;
    }
}
