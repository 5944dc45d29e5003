package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.training.TrainingResult;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.lm.LanguageModelTraining.Outcome;
import org.setun.training.lm.LanguageModelTraining.Resume;

import static org.assertj.core.api.Assertions.assertThat;

/** Bits by sensitivity within a budget. */
class BitAllocationTest {

    private static final double AVERAGE = 3;

    @TempDir
    Path folder;

    private Outcome train(Path text, Path checkpoints, Resume resume, String... keys) throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, checkpoints, keys), backend)) {
            return training.train(resume);
        }
    }

    private double before(Path text, String... keys) throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, folder.resolve("e"), keys), backend)) {
            return training.evaluateStart(WeightQuantizer.UNIFORM).value();
        }
    }

    private static String[] with(List<String> keys, String... more) {
        return Stream.concat(keys.stream(), Arrays.stream(more)).toArray(String[]::new);
    }

    /** The budget is kept, layers differ, a rounded model is better than with the same bits everywhere, and a resumed run has the same bits, whatever
     * would be measured now. */
    @Test
    void bitsGoWhereTheyMatterAndKeepTheBudget() throws IOException {
        Path text = Runs.text(folder);
        List<String> shape = List.of("model.dim=64", "model.heads=4", "model.ffn=96");
        train(text, folder.resolve("first"), Resume.NEW, with(shape, "quantization.weights=none", "training.max_steps=40"));
        List<String> keys = new ArrayList<>(shape);
        keys.addAll(List.of("model.start=\"" + folder.resolve("first/fp32") + "\"", "quantization.weights=uniform",
                "quantization.learned_scale=false",
                "quantization.levels=mid_rise", "quantization.scale=three_sigma", "quantization.activations=none", "training.max_steps=8",
                "checkpoint.save_every=4", "schedule.learning_rate=0.001"));
        double uniform = before(text, with(keys, "quantization.bits=3"));
        double mixed = before(text, with(keys, "quantization.average_bits=" + AVERAGE));
        assertThat(mixed).as("bits per byte, before any training").isLessThan(uniform);

        TrainingResult whole = train(text, folder.resolve("run"), Resume.NEW, with(keys, "quantization.average_bits=" + AVERAGE)).result();
        Path runFolder = folder.resolve("run/uniform");
        Map<String, Integer> bits;
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(CheckpointStore.list(runFolder).getLast(), pool);
            bits = model.decoder().linears().stream().collect(Collectors.toMap(layer -> layer.weight().name(), BitAllocationTest::bits));
            double sum = 0;
            double weights = 0;
            for (Linear layer : model.decoder().linears()) {
                sum += (double) bits.get(layer.weight().name()) * layer.weight().shape().size();
                weights += layer.weight().shape().size();
            }
            assertThat(sum / weights).isLessThanOrEqualTo(AVERAGE).isGreaterThan(AVERAGE - 0.25);
        }
        assertThat(new HashSet<>(bits.values())).hasSizeGreaterThan(1);

        Runs.delete(CheckpointStore.list(runFolder).getLast());
        replaceStart(text, shape);
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, folder.resolve("again"),
                        with(keys, "quantization.average_bits=" + AVERAGE)), backend)) {
            assertThat(training.allocation(AVERAGE).bits()).as("what is measured now is something else").isNotEqualTo(bits);
        }
        TrainingResult rest = train(text, folder.resolve("run"), Resume.LATEST, with(keys, "quantization.average_bits=" + AVERAGE))
                .result();
        assertThat(rest.losses()).containsExactly(Arrays.copyOfRange(whole.losses(), 4, 8));
    }

    /** Another model in the place of the one that the run began with. */
    private void replaceStart(Path text, List<String> shape) throws IOException {
        train(text, folder.resolve("other"), Resume.NEW, with(shape, "quantization.weights=none", "training.max_steps=40",
                "training.seed=7"));
        Runs.delete(folder.resolve("first/fp32"));
        Files.move(folder.resolve("other/fp32"), folder.resolve("first/fp32"));
    }

    @Test
    void nothingIsMeasuredWhereAllLayersAreNamed() throws IOException {
        Path text = Runs.text(folder);
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, folder.resolve("c"),
                        "quantization.weights=uniform", "quantization.average_bits=4", "quantization.layers=[\"*=4\"]"), backend)) {
            assertThat(training.allocation(4)).isEqualTo(new BitAllocation(Map.of(), 0, 0, Map.of()));
        }
    }

    private static int bits(Linear layer) {
        LevelQuantizer quantizer = (LevelQuantizer) ((BitLinear) layer).quantization().weights();
        return Integer.numberOfTrailingZeros(quantizer.rule().levels().count());
    }

    /** Layers that are named keep their own; the expected loss is below that of fewer bits everywhere and falls with the budget. */
    @Test
    void moreBitsCostLess() throws IOException {
        Path text = Runs.text(folder);
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining
                        .open(Runs.config(text, folder.resolve("c"), "quantization.weights=uniform",
                                "quantization.average_bits=4", "quantization.layers=[\"*ffn_up=8\"]", "training.max_steps=1"), backend)) {
            Outcome outcome = training.train(Resume.NEW);
            assertThat(outcome.model().linears()).filteredOn(layer -> layer.weight().name().contains("ffn_up"))
                    .allMatch(layer -> bits(layer) == 8);
        }
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(
                        Runs.config(text, folder.resolve("d"), "quantization.weights=none"),
                        backend)) {
            double before = Double.POSITIVE_INFINITY;
            for (double average : new double[]{2, 2.5, 3, 4.2, 8}) {
                BitAllocation chosen = training.allocation(average);
                assertThat(chosen.average()).isLessThanOrEqualTo(average);
                assertThat(chosen.loss()).isLessThanOrEqualTo(before)
                        .isLessThanOrEqualTo(chosen.uniform().get((int) average) * (1 + 1e-12));
                before = chosen.loss();
            }
        }
    }
}
