package org.setun.quant.calibration;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Decoder;
import org.setun.nn.Linear;
import org.setun.nn.LinearObserver;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;

/**
 * Runs a model over sequences of tokens and collects what its linear layers are given: statistics, Hessians, Fisher information. Sequences
 * pass one at a time, so memory depends on the longest of them and on the model, not on their number. Hessians that do not fit into
 * {@link CalibrationConfig#hessianBytes} together are summed in further passes over the same sequences; the figures do not depend on how many
 * there are, nor on the number of threads. One thread at a time; close it to free the Hessians.
 */
public final class Calibrator implements AutoCloseable {

    private static final long SLAB_BYTES = 16L << 20;

    /** Hears of the work. */
    @FunctionalInterface
    public interface Progress {

        /**
         * Called after each sequence. An exception ends the run.
         *
         * @param done  sequences so far, of all passes
         * @param total sequences of all passes
         */
        void at(long done, long total);
    }

    private final Backend backend;
    private final Decoder decoder;
    private final List<int[]> sequences;
    private final CalibrationConfig config;
    private final Progress progress;
    private final MemoryPool memory;
    private final Workspace workspace;
    /** The layers by input, in the order of the model. */
    private final Map<String, List<Linear>> inputs = new LinkedHashMap<>();
    private final List<Set<String>> hessianGroups = new ArrayList<>();
    private final Map<String, HessianSum> sums = new LinkedHashMap<>();
    private final InputCollector collector = new InputCollector();
    private @Nullable FisherSum fisher;
    /** The pass that is under way, counted from 0, and the sequence that comes next in it. */
    private int pass;
    private int next;
    /** Whether statistics and Fisher information are complete: a later pass sums Hessians alone. */
    private boolean collected;
    private Runnable afterSequence = () -> {
    };

    /**
     * A run; {@link #run} starts it.
     *
     * @param decoder   in fp32; it is not changed but for its gradients
     * @param sequences token ids, each array 1 to context ids of the vocabulary
     */
    public Calibrator(Backend backend, Decoder decoder, List<int[]> sequences, CalibrationConfig config, Progress progress) {
        if (sequences.isEmpty()) {
            throw new IllegalArgumentException("sequences is empty: at least one is needed");
        }
        for (int[] sequence : sequences) {
            requireSequence(decoder, sequence);
        }
        this.backend = backend;
        this.decoder = decoder;
        this.sequences = List.copyOf(sequences);
        this.config = config;
        this.progress = progress;
        memory = MemoryPool.builder(backend).slabBytes(SLAB_BYTES).build();
        workspace = new Workspace(memory, SLAB_BYTES);
    }

    private static void requireSequence(Decoder decoder, int[] sequence) {
        if (sequence.length == 0 || sequence.length > decoder.config().context()) {
            throw new IllegalArgumentException(
                    "a sequence has " + sequence.length + " tokens, allowed is 1 to " + decoder.config().context()
                            + ", the model's context");
        }
        for (int id : sequence) {
            if (id < 0 || id >= decoder.config().vocab()) {
                throw new IllegalArgumentException("token " + id + " must be in [0, " + decoder.config().vocab() + ")");
            }
        }
    }

    /** The first pass: statistics, Fisher information, and the first Hessians. */
    public void run() {
        if (!inputs.isEmpty()) {
            throw new IllegalStateException("this run is over; make another Calibrator");
        }
        survey();
        begin(0);
        goOn();
    }

    /** Finds the inputs and groups them by the memory of their Hessians. */
    void survey() {
        forward(Tape.evaluating(backend, workspace), new int[]{sequences.getFirst()[0]},
                (layers, x) -> inputs.put(InputCollector.name(layers), List.copyOf(layers)), null, 0);
        long bytes = 0;
        for (Map.Entry<String, List<Linear>> input : inputs.entrySet()) {
            long needed = HessianSum.bytes(Math.toIntExact(input.getValue().getFirst().inputs()));
            if (hessianGroups.isEmpty() || bytes + needed > config.hessianBytes()) {
                hessianGroups.add(new LinkedHashSet<>());
                bytes = 0;
            }
            hessianGroups.getLast().add(input.getKey());
            bytes += needed;
        }
        if (!config.hessians()) {
            hessianGroups.clear();
        }
        inputs.values().forEach(collector::expect);
        if (config.fisher() != FisherLabels.NONE) {
            fisher = new FisherSum(decoder, inputs.values().stream().flatMap(List::stream).toList());
        }
    }

    List<int[]> sequences() {
        return sequences;
    }

    /** Tokens of all sequences: the rows that each input sees. */
    long tokens() {
        return sequences.stream().mapToLong(ids -> ids.length).sum();
    }

    /** The model's shape, what is collected of it, and what computes it: the same text for the same sums. */
    String description() {
        return String.join("\n", decoder.config().toString(), config.toString(),
                backend.name() + " " + backend.isa() + " " + backend.blas());
    }

    /** How often the sequences are read for all Hessians; after {@link #run}, or when a {@link CalibrationJob} has opened. */
    public int passes() {
        return Math.max(1, hessianGroups.size());
    }

    /** Inputs whose Hessians are summed in a pass. */
    Set<String> group(int ofPass) {
        return hessianGroups.isEmpty() ? Set.of() : hessianGroups.get(ofPass);
    }

    /** Makes ready for a pass from its first sequence on. */
    void begin(int which) {
        allocate(group(which));
        pass = which;
        next = 0;
    }

    /** The pass that is under way. */
    int pass() {
        return pass;
    }

    /** The sequence that comes next in it. */
    int next() {
        return next;
    }

    /** Calls {@code listener} between two sequences, when all sums are those of whole sequences. */
    void afterSequence(Runnable listener) {
        afterSequence = listener;
    }

    /** All that the sequences of the pass have changed, to be saved, or restored before {@link #resume}. */
    void state(BiConsumer<String, MemorySegment> sink) {
        sums.forEach((name, sum) -> sum.state(name + CalibrationFile.HESSIAN, sink));
        if (isFirst()) {
            collector.state(sink);
            if (fisher != null) {
                fisher.state(sink);
            }
        }
    }

    /** Says that the state is that after {@code count} sequences of the pass. */
    void resume(int count) {
        long rows = sequences.stream().limit(count).mapToLong(ids -> ids.length).sum();
        next = count;
        sums.values().forEach(sum -> sum.resume(rows));
        if (isFirst()) {
            collector.resume(rows);
            if (fisher != null) {
                fisher.resume(count);
            }
        }
    }

    private void allocate(Set<String> group) {
        sums.values().forEach(HessianSum::free);
        sums.clear();
        for (String name : group) {
            sums.put(name, new HessianSum(backend, memory, Math.toIntExact(inputs.get(name).getFirst().inputs())));
        }
    }

    private void addToHessian(List<? extends Linear> layers, Tensor x) {
        HessianSum sum = sums.get(InputCollector.name(layers));
        if (sum != null) {
            sum.add(x);
        }
    }

    /** Reads what is left of the sequences of the pass. Statistics and gradients belong to the first. */
    void goOn() {
        FisherSum gradients = isFirst() ? fisher : null;
        Tape tape = gradients == null ? Tape.evaluating(backend, workspace) : Tape.recording(backend, workspace);
        while (next < sequences.size()) {
            forward(tape, sequences.get(next), isFirst() ? this::observe : this::addToHessian, gradients, next);
            next++;
            afterSequence.run();
            progress.at((long) pass * sequences.size() + next, (long) sequences.size() * passes());
        }
        collected = true;
    }

    private boolean isFirst() {
        return pass == 0 && !collected;
    }

    private void observe(List<? extends Linear> layers, Tensor x) {
        collector.observe(layers, x);
        addToHessian(layers, x);
    }

    private void forward(Tape tape, int[] ids, LinearObserver observer, @Nullable FisherSum gradients, int index) {
        tape.observe(observer);
        try {
            Tensor logits = decoder.forward(tape, Tensor.of(workspace, ids, ids.length), 1, ids.length);
            if (gradients != null) {
                gradients.add(tape, logits, config.fisher() == FisherLabels.TRUE
                        ? Labels.next(ids)
                        : Labels.sampled(logits, config.seed() * 31 + index));
            }
        } finally {
            tape.reset();
        }
    }

    /** What each input looked like, in the order of the model; after {@link #run}. */
    public List<InputStatistics> inputs() {
        return collector.statistics();
    }

    /** Names of the inputs whose Hessians are collected, in the order in which it is cheapest to ask for them. */
    public List<String> hessians() {
        return hessianGroups.stream().flatMap(Set::stream).toList();
    }

    /**
     * The mean of {@code x^T x} over all rows of an input, F32[columns][columns], symmetric; after {@link #run}. Each is handed out once; asking for one
     * that is not in memory reads all sequences again.
     *
     * @param input its name
     */
    public MemorySegment hessian(String input) {
        if (!sums.containsKey(input)) {
            begin(IntStream.range(0, hessianGroups.size()).filter(i -> hessianGroups.get(i).contains(input)).findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("input = " + input + " has no Hessian; there are " + hessians())));
            goOn();
        }
        return sums.remove(input).finish();
    }

    /** Of each weight by name; empty if the configuration asks for none; after {@link #run}. */
    public Map<String, FisherInformation> fisher() {
        return fisher == null ? Map.of() : fisher.mean();
    }

    /** The most off-heap memory that the run had in use, beside the model and its gradients. */
    public long peakBytes() {
        return memory.statistics().peak();
    }

    /** Frees the memory of the run. */
    @Override
    public void close() {
        workspace.close();
        memory.close();
    }

    /** The inputs without that of the head, which llama.cpp leaves out unless asked. */
    public List<InputStatistics> inputsOfBlocks() {
        Set<String> blocks = decoder.linears().stream().map(layer -> layer.weight().name()).collect(Collectors.toSet());
        return inputs().stream().filter(input -> blocks.containsAll(input.weights())).toList();
    }

    /**
     * An importance matrix of statistics.
     *
     * @param datasets   names of the texts
     * @param chunkCount sequences
     * @param chunkSize  tokens per sequence, at most
     */
    public static Imatrix imatrix(List<InputStatistics> inputs, List<String> datasets, long chunkCount, long chunkSize) {
        Map<String, Imatrix.Entry> entries = new TreeMap<>();
        for (InputStatistics input : inputs) {
            float[] sums = new float[input.columns()];
            for (int i = 0; i < sums.length; i++) {
                sums[i] = (float) input.sumOfSquares()[i];
            }
            input.weights().forEach(weight -> entries.put(weight, new Imatrix.Entry(sums, new float[]{input.tokens()})));
        }
        return new Imatrix(datasets, chunkCount, chunkSize, entries);
    }
}
