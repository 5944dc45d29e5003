package org.setun.benchmarks;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.OptimOps;
import org.setun.kernels.Workspace;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.QuantPresets;

/**
 * Speed of whole training steps (forward, backward, AdamW) of a small decoder, ternary and full precision in turn, and where the time goes.
 * Arguments, all optional: {@code dim layers heads ffn vocab context batch steps}.
 */
public final class TrainingStep {

    private static final int[] DEFAULTS = {256, 4, 4, 768, 2048, 256, 8, 5};

    private final TimedBackend timed;
    private final Backend backend;
    private final DecoderConfig config;
    private final int batch;
    private final int steps;

    private TrainingStep(TimedBackend timed, DecoderConfig config, int batch, int steps) {
        this.timed = timed;
        backend = timed.backend();
        this.config = config;
        this.batch = batch;
        this.steps = steps;
    }

    /** Prints tokens per second and the share of each operation. */
    public static void main(String[] arguments) {
        int[] values = DEFAULTS.clone();
        for (int i = 0; i < arguments.length; i++) {
            values[i] = Integer.parseInt(arguments[i]);
        }
        DecoderConfig config = new DecoderConfig(values[4], values[0], values[1], values[2], values[2], values[0] / values[2], values[3], values[5],
                NnOps.Glu.SILU, true, NnOps.Rope.HALVES, 10000, 1e-5f, true);
        try (Backend inner = Backends.open()) {
            System.out.printf("%s, %d threads, %s%n", inner.isa().label(), inner.threads(), config);
            TrainingStep run = new TrainingStep(new TimedBackend(inner), config, values[6], values[7]);
            run.run("ternary", QuantPresets.bitnetSwiglu().quantization());
            run.run("fp32", Quantization.NONE);
        }
    }

    private void run(String name, Quantization quantization) {
        try (MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            Decoder decoder = new Decoder(config, quantization, pool, DecoderInit.seeded(1));
            int t = config.context();
            int[] ids = new SplittableRandom(1).ints((long) batch * t, 0, config.vocab()).toArray();
            Tensor tokens = Tensor.of(pool, ids, ids.length);
            Map<Parameter, Tensor[]> moments = new HashMap<>();
            Tape tape = Tape.recording(backend, workspace);
            long[] nanos = new long[steps];
            for (int step = -2; step < steps; step++) { // two to warm up
                if (step == 0) {
                    timed.clear();
                }
                long start = System.nanoTime();
                tape.backward(decoder.loss(tape, tokens, tokens, batch, t, (long) batch * t));
                tape.reset();
                update(decoder, moments, pool, step + 3);
                if (step >= 0) {
                    nanos[step] = System.nanoTime() - start;
                }
            }
            long total = Arrays.stream(nanos).sum();
            Arrays.sort(nanos);
            double seconds = nanos[steps / 2] / 1e9;
            double flops = 3 * config.forwardFlopsPerToken(t) * batch * t;
            System.out.printf(Locale.ROOT, "%s: %,d parameters, %.1f ms/step (median of %d), %,.0f tokens/s, %.1f GFLOP/s, workspace %d MB%n%s", name,
                    decoder.parameterCount(), 1e3 * seconds, steps, batch * t / seconds, flops / seconds / 1e9,
                    workspace.statistics().peak() >> 20, timed.report(steps, total));
        }
    }

    private void update(Decoder decoder, Map<Parameter, Tensor[]> moments, MemoryPool pool, int t) {
        OptimOps.AdamW step = new OptimOps.AdamW(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, (float) (1 - Math.pow(0.9, t)), (float) (1 - Math.pow(0.95, t)));
        for (Parameter parameter : decoder.parameters()) {
            Tensor[] state = moments.computeIfAbsent(parameter, key -> {
                Tensor[] fresh = {Tensor.allocate(pool, DType.F32, key.shape()), Tensor.allocate(pool, DType.F32, key.shape())};
                fresh[0].clear();
                fresh[1].clear();
                return fresh;
            });
            backend.adamW(step, parameter.shape().size(), parameter.value().segment(), parameter.gradient().segment(), state[0].segment(),
                    state[1].segment(), null);
            parameter.markChanged();
        }
        decoder.clearGradients();
    }
}
