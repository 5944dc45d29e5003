package org.setun.training.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.kernels.NnOps.Glu;
import org.setun.quant.qat.ScaleRule;
import org.setun.training.config.TrainingConfig.ActivationQuantizer;
import org.setun.training.config.TrainingConfig.LevelKind;
import org.setun.training.config.TrainingConfig.ScheduleKind;
import org.setun.training.config.TrainingConfig.WeightQuantizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Presets, and the keys of another program's file. */
class PresetsTest {

    /** A file of that program with every section it has. */
    private static final String FOREIGN = """
            [quantization]
            format = "pi-q3"
            k = 4
            bits = 3
            mixed_constants = false
            [qat]
            enabled = true
            use_lora = true
            lora_rank = 16
            epochs = 3
            learning_rate = 1e-5
            batch_size = 4
            gradient_accumulation = 8
            [distillation]
            teacher_path = "teacher.gguf"
            temperature = 4.0
            alpha_task = 1.0
            beta_kd = 0.5
            gamma_reasoning = 2.0
            [calibration]
            math_samples = 2048
            [incoherence]
            enabled = true
            method = "hadamard"
            [moe]
            cache_bonus = 0.5
            [sona]
            recalibration_interval = "1h"
            """;

    @TempDir
    Path folder;

    private static TrainingConfig parse(String text, String... overrides) {
        return ConfigReader.parse("a.toml", text, List.of(overrides));
    }

    @ParameterizedTest
    @MethodSource("org.setun.training.config.Presets#names")
    void eachIsAValidConfigurationThatSaysWhatItIs(String name) throws IOException {
        TrainingConfig config = ConfigReader.read(null, name, List.of());
        assertThat(config).isNotEqualTo(TrainingConfig.defaults());
        assertThat(config.quantization().weights()).isNotEqualTo(WeightQuantizer.NONE);
        assertThat(Presets.description(name)).hasSizeGreaterThan(20).doesNotContain("[");
        assertThat(ConfigReader.parse("", ConfigWriter.toToml(config), List.of())).isEqualTo(config);
    }

    @Test
    void namesAreSortedAndSayWhatTheyPromise() {
        assertThat(Presets.names()).isSorted();
        TrainingConfig bitnet = parse("preset = \"bitnet-optimized\"");
        assertThat(bitnet.model().activation()).isEqualTo(Glu.RELU2);
        assertThat(bitnet.model().subNorms()).isTrue();
        assertThat(bitnet.schedule().kind()).isEqualTo(ScheduleKind.TWO_STAGE);
        assertThat(parse("preset = \"bitnet-a48\"").quantization().activations()).isEqualTo(ActivationQuantizer.BITNET_A48);
        assertThat(parse("preset = \"bitnet-v2\"").quantization().activations()).isEqualTo(ActivationQuantizer.BITNET_V2);
        assertThat(parse("preset = \"bitnet-v2-int4\"").quantization().activations()).isEqualTo(ActivationQuantizer.BITNET_V2_INT4);
        TrainingConfig pareto = parse("preset = \"paretoq-2bit\"");
        assertThat(pareto.quantization().levels()).isEqualTo(LevelKind.STRETCHED);
        assertThat(pareto.quantization().bits()).isEqualTo(2);
        assertThat(parse("preset = \"pi-q3\"").quantization().format()).isEqualTo("pi-q3:k=4");
    }

    @Test
    void theFileCountsMoreThanThePresetAndOverridesMost() throws IOException {
        String text = "preset = \"bitnet-158\"\n[optimizer]\nweight_decay = 0.2\n";
        assertThat(parse(text).optimizer().weightDecay()).isEqualTo(0.2);
        assertThat(parse(text).optimizer().beta2()).isEqualTo(0.95);
        assertThat(parse(text, "optimizer.weight_decay=0.3").optimizer().weightDecay()).isEqualTo(0.3);
        Path file = Files.writeString(folder.resolve("a.toml"), text);
        assertThat(ConfigReader.read(file, "q4_0", List.of()).quantization().weights()).as("the file names its own").isEqualTo(
                WeightQuantizer.TERNARY);
        assertThatThrownBy(() -> parse("preset = \"bitnet-159\"")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("did you mean \"bitnet-158\"").hasMessageContaining("paretoq-2bit");
        assertThatThrownBy(() -> parse("\n\npreset = 3")).hasMessageContaining("must be a string");
    }

    @Test
    void aBuilderHasTheNamesOfTheFile() throws IOException {
        Path file = Files.writeString(folder.resolve("a.toml"), "[optimizer]\nweight_decay = 0.2\n[model]\ndim = 64\n");
        TrainingConfig built = TrainingConfig.builder().preset("paretoq-2bit").file(file).set("model.dim", 128)
                .set("quantization.scale", ScaleRule.ABSMEAN).set("data.paths", List.of(folder, "b")).set("model.sub_norms", false)
                .set("schedule.learning_rate", 0.25).build();
        assertThat(built)
                .isEqualTo(parse("preset = \"paretoq-2bit\"\n" + Files.readString(file), "model.dim=128", "quantization.scale=absmean",
                        "data.paths=[\"" + folder + "\", \"b\"]", "model.sub_norms=false", "schedule.learning_rate=0.25"));
        TrainingConfig other = TrainingConfig.builder().preset("paretoq-2bit").file(file).standard("model.dim", 96)
                .standard("model.layers", 9).override(List.of("model.heads=8")).build();
        assertThat(other.model().dim()).as("the file counts more").isEqualTo(64);
        assertThat(other.model().layers()).isEqualTo(9);
        assertThat(other.model().heads()).isEqualTo(8);
        assertThat(Presets.overrides("paretoq-2bit", "quantization")).contains("quantization.bits=2", "quantization.levels=\"stretched\"");
        assertThatThrownBy(() -> TrainingConfig.builder().set("model.dimm", 1)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("did you mean model.dim?");
        assertThatThrownBy(() -> TrainingConfig.builder().set("model.dim", "x").build()).isInstanceOf(ConfigException.class)
                .hasMessageContaining("model.dim = \"x\"");
        assertThatThrownBy(() -> TrainingConfig.builder().preset("paretoq")).hasMessageContaining("did you mean");
    }

    @Test
    void keysOfTheSourcesFileAreUnderstood() {
        TrainingConfig config = parse(FOREIGN, "model.start=\"m.gguf\"");
        assertThat(config.quantization().weights()).isEqualTo(WeightQuantizer.FORMAT);
        assertThat(config.quantization().format()).isEqualTo("pi-q3:k=4");
        assertThat(config.training().epochs()).isEqualTo(3);
        assertThat(config.training().batchSize()).isEqualTo(4);
        assertThat(config.training().accumulationSteps()).isEqualTo(8);
        assertThat(config.training().loraRank()).isEqualTo(16);
        assertThat(config.schedule().learningRate()).isEqualTo(1e-5);
        assertThat(config.distillation().enabled()).isTrue();
        assertThat(config.distillation().teacher()).isEqualTo("teacher.gguf");
        assertThat(config.distillation().temperature()).isEqualTo(4);
        assertThat(config.distillation().alpha()).isEqualTo(1);
        assertThat(config.distillation().beta()).isEqualTo(0.5);
        assertThat(config.distillation().gamma()).isEqualTo(2);
        assertThat(parse(FOREIGN.replace("mixed_constants = false", "mixed_constants = true"), "model.start=\"m\"").quantization().format())
                .isEqualTo("pi-q3:k=mixed");
        assertThat(parse("[quantization]\nformat = \"q4_0\"\n[qat]\nenabled = false").quantization().weights())
                .isEqualTo(WeightQuantizer.NONE);
        assertThat(parse("[qat]\nuse_lora = false\nlora_rank = 8").training().loraRank()).isZero();
    }

    @Test
    void withoutQatNothingIsQuantized() {
        assertThat(parse("[qat]\nenabled = false").quantization().weights()).isEqualTo(WeightQuantizer.NONE);
        assertThat(parse("preset = \"pi-q2\"\n[qat]\nenabled = false").quantization().weights()).isEqualTo(WeightQuantizer.NONE);
        assertThat(parse("[quantization]\nweights = \"none\"\n[qat]\nenabled = false").quantization().weights())
                .isEqualTo(WeightQuantizer.NONE);
        assertThat(parse("[qat]\nenabled = true").quantization().weights()).isEqualTo(WeightQuantizer.TERNARY);
        assertThatThrownBy(() -> parse("[quantization]\nweights = \"uniform\"\n[qat]\nenabled = false")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("qat.enabled false: quantization.weights = \"uniform\"");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            qat = 5                                  | a.toml:1: qat = 5: must be a section [qat]
            moe = true                               | a.toml:1: moe = true: must be a section [moe]
            distillation = "x"                       | a.toml:1: distillation = "x": must be a section [distillation]
            training = 3%n[qat]%nepochs = 2          | a.toml:1: training = 3: must be a section [training]
            training = 3%n[qat]%nuse_lora = true     | a.toml:1: training = 3: must be a section [training]
            schedule = 3%n[qat]%nlearning_rate = 2   | a.toml:1: schedule = 3: must be a section [schedule]
            [qat]%nlora_rank = 4%n[training]%nlora_rank = 8 | a.toml:2: qat.lora_rank is training.lora_rank, which is set, too
            [qat]%nuse_lora = true%n[training]%nlora_rank = 8 | a.toml:2: qat.use_lora is training.lora_rank, which is set, too
            """)
    void sectionsAreSectionsAndNothingIsSaidTwice(String text, String message) {
        assertThatThrownBy(() -> parse(text.formatted(), "model.start=\"m\"")).isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            lora_rank = 16           | lora_rnk = 16         | a.toml:9: qat.lora_rnk unknown key; did you mean lora_rank?
            cache_bonus = 0.5        | cache_bonos = 0.5     | a.toml:26: moe.cache_bonos unknown key; did you mean cache_bonus?
            bits = 3                 | bits = 2              | a.toml:4: quantization.bits 2: the format "pi-q3" has others
            format = "pi-q3"         | format = "q4_k"       | quantization.k is the parameter of the formats pi-q2 and pi-q3
            use_lora = true          | use_lora = "yes"      | qat.use_lora "yes": must be true or false
            alpha_task = 1.0         | alpha = 1             | -
            """)
    void mistakesInItAreNamed(String right, String wrong, String message) {
        String text = FOREIGN.replace(right, wrong).replace("bits = 3", right.startsWith("format") ? "" : "bits = 3");
        if (message.equals("-")) {
            assertThat(parse(text, "model.start=\"m\"").distillation().alpha()).isEqualTo(1);
            assertThatThrownBy(() -> parse(text.replace("alpha = 1", "alpha = 1\nalpha_task = 2"), "model.start=\"m\""))
                    .isInstanceOf(ConfigException.class).hasMessageContaining("distillation.alpha_task is distillation.alpha");
        } else {
            assertThatThrownBy(() -> parse(text, "model.start=\"m\"")).isInstanceOf(ConfigException.class).hasMessageContaining(message);
        }
    }
}
