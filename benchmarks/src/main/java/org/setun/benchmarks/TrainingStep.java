package org.setun.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
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
import org.setun.nn.Mlp;
import org.setun.nn.Model;
import org.setun.nn.Parameter;
import org.setun.nn.Precision;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.QuantPresets;

/**
 * Speed of whole training steps (forward, backward, AdamW), ternary and full precision in turn, each with products in fp32 and in bf16, and
 * where the time goes. Arguments:
 * {@code decoder [dim layers heads ffn vocab context batch steps]} or {@code mlp [batch steps]}.
 */
public final class TrainingStep {

    /** A model with a batch: what a step computes, and how many samples (tokens, images) it takes. */
    private record Workload(Model model, Function<Tape, Tensor> loss, long samples) {
    }

    private final TimedBackend timed;
    private final Backend backend;
    private final int steps;

    private TrainingStep(TimedBackend timed, int steps) {
        this.timed = timed;
        backend = timed.backend();
        this.steps = steps;
    }

    /** Prints samples per second and the share of each operation. */
    public static void main(String[] arguments) {
        boolean decoder = arguments.length == 0 || arguments[0].equals("decoder");
        int[] values = decoder ? new int[]{256, 4, 4, 768, 2048, 256, 8, 10} : new int[]{128, 200};
        for (int i = 1; i < arguments.length; i++) {
            values[i - 1] = Integer.parseInt(arguments[i]);
        }
        try (Backend inner = Backends.open()) {
            System.out.printf("%s, %d threads, %s%n", inner.isa().label(), inner.threads(), decoder ? "decoder" : "mlp");
            TrainingStep run = new TrainingStep(new TimedBackend(inner), values[values.length - 1]);
            for (QuantPresets.Preset preset : List.of(QuantPresets.bitnetSwiglu(), QuantPresets.fullPrecision())) {
                for (Precision precision : Precision.values()) {
                    try (MemoryPool pool = new MemoryPool(inner)) {
                        run.run(preset.name() + ", " + precision, precision,
                                decoder ? decoder(pool, preset.quantization(), values) : mlp(pool, preset.quantization(), values[0]), pool);
                    }
                }
            }
        }
    }

    private static Workload decoder(MemoryPool pool, Quantization quantization, int[] sizes) {
        DecoderConfig config = new DecoderConfig(sizes[4], sizes[0], sizes[1], sizes[2], sizes[2], sizes[0] / sizes[2], sizes[3], sizes[5],
                NnOps.Glu.SILU, true, NnOps.Rope.HALVES, 10000, 1e-5f, true);
        Decoder decoder = new Decoder(config, quantization, pool, DecoderInit.seeded(1));
        int batch = sizes[6];
        int t = config.context();
        int[] ids = new SplittableRandom(1).ints((long) batch * t, 0, config.vocab()).toArray();
        Tensor tokens = Tensor.of(pool, ids, ids.length);
        return new Workload(decoder, tape -> decoder.loss(tape, tokens, tokens, batch, t, ids.length), ids.length);
    }

    private static Workload mlp(MemoryPool pool, Quantization quantization, int batch) {
        Mlp mlp = new Mlp(List.of(784L, 512L, 512L, 10L), false, quantization, pool, 1);
        SplittableRandom random = new SplittableRandom(1);
        float[] pixels = new float[batch * 784];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = Math.max(0, (float) random.nextGaussian());
        }
        Tensor images = Tensor.of(pool, pixels, batch, 784);
        Tensor labels = Tensor.of(pool, random.ints(batch, 0, 10).toArray(), batch);
        return new Workload(mlp, tape -> mlp.loss(tape, images, labels, batch), batch);
    }

    private void run(String name, Precision precision, Workload workload, MemoryPool pool) {
        try (Workspace workspace = new Workspace(backend)) {
            Map<Parameter, Tensor[]> moments = new HashMap<>();
            Tape tape = Tape.recording(backend, workspace, precision);
            long[] nanos = new long[steps];
            long cpu = 0;
            int warmUp = Math.max(2, steps / 5);
            for (int step = -warmUp; step < steps; step++) {
                if (step == 0) {
                    timed.clear();
                    cpu = cpuNanos();
                }
                long start = System.nanoTime();
                tape.backward(workload.loss.apply(tape));
                tape.reset();
                update(workload.model, moments, pool, step + warmUp + 1);
                if (step >= 0) {
                    nanos[step] = System.nanoTime() - start;
                }
            }
            cpu = cpuNanos() - cpu;
            long total = Arrays.stream(nanos).sum();
            Arrays.sort(nanos);
            double median = nanos[steps / 2] / 1e6;
            System.out.printf(Locale.ROOT,
                    "%s: %,d parameters, %,.0f samples/s; a step takes %.2f ms (median of %d; best %.2f; CPU time %.2f), "
                            + "workspace %d MB%n%s",
                    name, workload.model.parameterCount(), 1e3 * workload.samples / median, median, steps, nanos[0] / 1e6,
                    cpu / 1e6 / steps, workspace.statistics().peak() >> 20, timed.report(steps, total));
        }
    }

    /** Of all threads of this process; on a busy machine, with one thread, a better measure than time. */
    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private void update(Model model, Map<Parameter, Tensor[]> moments, MemoryPool pool, int t) {
        OptimOps.AdamW step = new OptimOps.AdamW(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, (float) (1 - Math.pow(0.9, t)),
                (float) (1 - Math.pow(0.95, t)));
        for (Parameter parameter : model.parameters()) {
            Tensor[] state = moments.computeIfAbsent(parameter, key -> new Tensor[]{zeros(pool, key), zeros(pool, key)});
            backend.adamW(step, parameter.shape().size(), parameter.value().segment(), parameter.gradient().segment(), state[0].segment(),
                    state[1].segment(), null);
            parameter.markChanged();
        }
        model.clearGradients();
    }

    private static Tensor zeros(MemoryPool pool, Parameter parameter) {
        Tensor zeros = Tensor.allocate(pool, DType.F32, parameter.shape());
        zeros.clear();
        return zeros;
    }
}
