package org.setun.benchmarks;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.Int8Absmax;
import org.setun.quant.TernaryAbsmean;

/** Forward and backward of the quickstart's decoder on 8 windows of 256 tokens, ternary beside full precision. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 5, time = 3)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class TrainingStepBenchmark {

    private static final int BATCH = 8;
    private static final int CONTEXT = 256;
    private static final int VOCABULARY = 2048;

    @Param({"ternary", "fp32"})
    public String weights = "ternary";

    private Backend backend;
    private MemoryPool pool;
    private Workspace workspace;
    private Decoder decoder;
    private Tensor tokens;
    private Tensor targets;

    @Setup(Level.Trial)
    public void setUp() {
        backend = Backends.open();
        pool = new MemoryPool(backend);
        workspace = new Workspace(backend);
        DecoderConfig config = new DecoderConfig(VOCABULARY, 256, 2, 4, 4, 64, 512, CONTEXT, NnOps.Glu.SILU, true, NnOps.Rope.HALVES,
                10_000,
                1e-5f, true);
        Quantization quantization = weights.equals("ternary")
                ? new Quantization(new TernaryAbsmean(), new Int8Absmax())
                : Quantization.NONE;
        decoder = new Decoder(config, quantization, pool, DecoderInit.seeded(1));
        SplittableRandom random = new SplittableRandom(2);
        int[] ids = random.ints(BATCH * CONTEXT, 0, VOCABULARY).toArray();
        tokens = Tensor.of(pool, ids, BATCH * CONTEXT);
        targets = Tensor.of(pool, random.ints(BATCH * CONTEXT, 0, VOCABULARY).toArray(), BATCH * CONTEXT);
        double loss = forwardBackward();
        if (Math.abs(loss - Math.log(VOCABULARY)) > 0.5) {
            throw new IllegalStateException("the loss of an untrained model is " + loss + ", expected about ln " + VOCABULARY);
        }
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        workspace.close();
        pool.close();
        backend.close();
    }

    @Benchmark
    public double forwardBackward() {
        Tape tape = Tape.recording(backend, workspace);
        Tensor loss = decoder.loss(tape, tokens, targets, BATCH, CONTEXT, BATCH * CONTEXT);
        tape.backward(loss);
        double value = loss.item();
        decoder.parameters().forEach(parameter -> {
            parameter.clearGradient();
            parameter.markChanged();
        });
        tape.reset();
        workspace.reset();
        return value;
    }
}
