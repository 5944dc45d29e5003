package org.setun.training.optimizer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.PoolExhaustedException;
import org.setun.nn.Parameter;
import org.setun.nn.Shape;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.OptimizerKind;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** State in a file: the same steps as in memory, within a budget that has no room for the state. */
class PagedOptimizerTest {

    private static final int ROWS = 256;
    private static final int COLUMNS = 512;
    private static final long VALUE_BYTES = (long) ROWS * COLUMNS * Float.BYTES;

    private final Backend backend = Backends.open();

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        backend.close();
    }

    private static TrainingConfig.Optimizer settings(OptimizerKind kind, boolean paged) {
        String name = kind.toString().toLowerCase(Locale.ROOT);
        return ConfigReader.override(TrainingConfig.defaults(), List.of("optimizer.kind=" + name, "optimizer.paged=" + paged)).optimizer();
    }

    /** Weight and gradient fit, and a little more; the two moments of AdamW are as large again. */
    private MemoryPool tight() {
        return MemoryPool.builder(backend).slabBytes(1 << 16).budget(2 * VALUE_BYTES + (1 << 18)).build();
    }

    private float[] train(MemoryPool pool, TrainingConfig.Optimizer settings) {
        Random random = new Random(5);
        Parameter w = new Parameter("blk.0.ffn_up.weight", pool, true, Shape.of(ROWS, COLUMNS));
        w.load(normal(random));
        w.gradient().clear();
        try (Optimizer optimizer = new Optimizer(backend, pool, List.of(w), settings, folder)) {
            for (int t = 0; t < 4; t++) {
                w.clearGradient();
                w.gradient().copyFrom(normal(random));
                optimizer.measure();
                optimizer.update(0.01, 1);
            }
        }
        return w.value().toArray();
    }

    private static float[] normal(Random random) {
        float[] values = new float[ROWS * COLUMNS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @ParameterizedTest
    @EnumSource(names = {"ADAMW", "ADAMW8BIT", "LION"})
    void stepsHaveTheSameBits(OptimizerKind kind) {
        try (MemoryPool pool = new MemoryPool(backend)) {
            assertThat(train(pool, settings(kind, true))).containsExactly(train(pool, settings(kind, false)));
        }
    }

    @Test
    void stateMayBeLargerThanTheBudget() throws IOException {
        try (MemoryPool pool = tight()) {
            assertThatThrownBy(() -> train(pool, settings(OptimizerKind.ADAMW, false))).isInstanceOf(PoolExhaustedException.class);
        }
        float[] paged;
        try (MemoryPool pool = tight()) {
            paged = train(pool, settings(OptimizerKind.ADAMW, true));
        }
        try (MemoryPool pool = new MemoryPool(backend)) {
            assertThat(paged).containsExactly(train(pool, settings(OptimizerKind.ADAMW, false)));
        }
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).as("files").isEmpty();
        }
    }

    @Test
    void aFolderThatCannotBeUsedIsNamed() throws IOException {
        Path file = Files.createFile(folder.resolve("taken"));
        try (MemoryPool pool = new MemoryPool(backend)) {
            Parameter w = new Parameter("blk.0.ffn_up.weight", pool, true, Shape.of(4, 4));
            assertThatThrownBy(() -> new Optimizer(backend, pool, List.of(w), settings(OptimizerKind.ADAMW, true), file))
                    .isInstanceOf(UncheckedIOException.class).hasMessageContaining("optimizer.paged").hasMessageContaining("taken");
        }
    }
}
