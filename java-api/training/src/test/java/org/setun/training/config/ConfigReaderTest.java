package org.setun.training.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Scale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.kernels.NnOps.Glu;
import org.setun.nn.Precision;
import org.setun.training.config.TrainingConfig.ScheduleKind;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.schedule.Schedules.Shape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class ConfigReaderTest {

    @Test
    void anEmptyFileHasAllDefaults() {
        assertThat(ConfigReader.parse("c.toml", "", List.of())).isEqualTo(TrainingConfig.defaults());
    }

    @Test
    void readsEverySection() {
        TrainingConfig config = ConfigReader.parse("c.toml", """
                [model]
                dim = 64
                heads = 2
                kv_heads = 1
                activation = "relu2"
                [data]
                paths = ["a.zip", "b"]
                glob = "**.java"
                [tokenizer]
                vocab_size = 512
                [training]
                max_steps = 20
                max_seconds = 1.5
                twin = true
                [optimizer]
                beta2 = 0.99
                [schedule]
                kind = "two_stage"
                learning_rate = 1.5e-3
                warmup_steps = 2
                [quantization]
                weights = "none"
                [checkpoint]
                folder = "run"
                [logging]
                log_level = "warn"
                """, List.of());
        assertThat(config.model().activation()).isEqualTo(Glu.RELU2);
        assertThat(config.model().resolvedHeadDim()).isEqualTo(32);
        assertThat(config.data().paths()).containsExactly("a.zip", "b");
        assertThat(config.training().maxSeconds()).isEqualTo(1.5);
        assertThat(config.optimizer().beta2()).isEqualTo(0.99);
        assertThat(config.optimizer().beta1()).isEqualTo(TrainingConfig.defaults().optimizer().beta1());
        assertThat(config.schedule().kind()).isEqualTo(ScheduleKind.TWO_STAGE);
        assertThat(config.quantization().weights()).isEqualTo(WeightQuantizer.NONE);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\'', textBlock = """
            '[training]%nmax_stpes = 5'         | c.toml:2: training.max_stpes: unknown key; did you mean max_steps?
            '[trainin]%nmax_steps = 5'          | c.toml:1: [trainin]: unknown section; did you mean [training]?
            '[training]%n%nmax_steps = 0'       | c.toml:3: training.max_steps = 0: must be an integer in [1, 1000000000]
            '[training]%nmax_steps = 1.5'       | c.toml:2: training.max_steps = 1.5: must be an integer in [1, 1000000000]
            '[training]%nbatch_size = 99999999999' | c.toml:2: training.batch_size = 99999999999: must be an integer of at least 1
            '[training]%nseed = 1000000000000000001' | c.toml:2: seed = 1000000000000000001: an integer has at most 18 digits
            '[optimizer]%nbeta1 = 1.5'          | c.toml:2: optimizer.beta1 = 1.5: must be a number in [0, 0.999999]
            '[optimizer]%neps = nan'            | c.toml:2: optimizer.eps = "NaN": must be a number in [0, 1]
            '[training]%ntwin = 1'              | c.toml:2: training.twin = 1: must be true or false
            '[model]%nactivation = "gelu"'      | c.toml:2: model.activation = "gelu": must be "silu" or "relu2"
            '[data]%npaths = [1]'               | c.toml:2: data.paths = [1]: must be a list of strings
            '[data]%nglob = 3'                  | c.toml:2: data.glob = 3: must be a string
            'training = 3'                      | training = 3: must be a section [training]
            '[model]%nheads = 4%nkv_heads = 3'  | model.kv_heads = 3: must divide model.heads = 4
            '[model]%ndim = 10%nheads = 4'      | model.heads = 4: must divide model.dim = 10, or set model.head_dim
            '[model]%nhead_dim = 7'             | model.head_dim = 7: must be even for the rotary embedding
            '[schedule]%nwarmup_steps = 2000'   | schedule.warmup_steps = 2000: must not exceed the schedule's 1000 steps
            '[schedule]%nkind = "plateau"%n[training]%neval_every = 0' | schedule.kind = plateau: needs evaluations: set training.eval_every
            '[schedule]%nkind = "wsd"%nwarmup_steps = 900' | schedule.warmup_steps = 900: must end before the last 200 of 1000 steps
            '[schedule]%nplateau_factor = 1'    | schedule.plateau_factor = 1: must be a number in [0.001, 0.999]
            '[training]%nreproducible = true%nmax_seconds = 5' | training.max_seconds = 5.0: with training.reproducible the clock
            '[curriculum]%nstart_context = 100' | curriculum.start_context = 100: must divide model.context = 256
            '[curriculum]%nstart_context = 64'  | curriculum.context_steps = 0: say by which step
            '[curriculum]%nstart_share = 0.5'   | curriculum.share_steps = 0: say from which step
            '[progressive]%nkind = "bit_width"%nend_step = 9' | progressive.kind = bit_width: needs quantization.weights = "uniform"
            '[progressive]%nkind = "bit_width"%nend_step = 9%nstart_bits = 2%n[quantization]%nweights = "uniform"' | progressive.start_bits = 2: must be above quantization.bits = 2.0
            '[progressive]%nkind = "bit_width"%nend_step = 9%n[quantization]%nweights = "uniform"%n[optimizer]%ntrack_codes = true' | progressive.kind = bit_width: codes change their meaning
            '[progressive]%nkind = "channel_wise"%nend_step = 9%nnoise = 0.5' | progressive.kind = channel_wise: chooses rows by the same random numbers
            '[progressive]%nkind = "mix"%nend_step = 9%ncompletion = "accuracy"%n[training]%neval_every = 0' | progressive.completion = accuracy: needs evaluations
            '[guard]%nlr_factor = 2'            | guard.lr_factor = 2: must be a number in [0.001, 1]
            '[guard]%nmax_rollback = 2'         | guard.max_rollback: unknown key; did you mean max_rollbacks?
            '[training]%nmax_steps = '          | c.toml:2: not valid TOML
            '[quantization]%nlayers = ["*ffn_dwon=4"]' | quantization.layers = "*ffn_dwon=4": fits no layer of this model; did you mean *ffn_down?
            '[quantization]%nlayers = ["blk.9.*=4"]' | quantization.layers = "blk.9.*=4": fits no layer of this model
            '[quantization]%nlayers = ["4"]'    | quantization.layers = "4": must be PATTERN=QUANTIZER
            '[quantization]%nembedding = "8"'   | quantization.embedding = 8: with model.tied_head embedding and head are one matrix
            '[quantization]%nweights = "none"%nlayers = ["*=4"]' | quantization.weights = none: no layer is quantized then
            '[activations]%nbits = 9'           | c.toml:2: activations.bits = 9: must be an integer in [2, 8]
            '[activations]%nrange = "learned"'  | activations.range = learned: needs quantization.activations = "uniform"
            '[quantization]%nactivations = "uniform"%n[activations]%nrange = "tracked"%ngranularity = "block"' | activations.granularity = block: tracked
            '[quantization]%nlearned_scale = false%nlearned_offset = true' | quantization.learned_offset = true: needs quantization.learned_scale = true
            '[quantization]%nlayers = ["*ffn_down=banana"]' | quantization.layers = banana: must be none, ternary, a number of bits, or a format
            '[quantization]%nlayers = ["*ffn_down=2.5"]' | quantization.layers = 2.5: must be 1, 1.58, 2
            '[quantization]%nlayers = ["*ffn_down=pi-tan3"]' | quantization.layers = pi-tan3: must be none, ternary
            '[quantization]%nembedding = "9"%nhead = "9"' | quantization.embedding = 9.0: must be 1, 1.58, 2
            '[quantization]%nhead = "q4_x"%n[model]%ntied_head = false' | quantization.head = q4_x: must be none, ternary
            '[quantization]%nweights = "uniform"%nbits = 2.5' | quantization.bits = 2.5: must be 1, 1.58, 2
            '[quantization]%nweights = "uniform"%nlevels = "stretched"%nbits = 3' | quantization.levels = "stretched": needs quantization.bits = 1.58 or 2
            '[quantization]%nweights = "uniform"%nlevels = "stretched"%naverage_bits = 3' | quantization.average_bits = 3.0: stretched levels are of 1.58 or 2 bits
            '[quantization]%nweights = "format"%nformat = "pi-tan3"' | quantization.format = pi-tan3
            '[model]%nlayers = 2147483647'   | c.toml:2: model.layers = 2147483647: must be an integer in [1, 1024]
            '[model]%nffn = 2147483647'      | c.toml:2: model.ffn = 2147483647: must be an integer in [1, 16777216]
            '[quantization]%nlearned_offset = true%n[loss]%nuncertainty = 1' | loss.uncertainty = 1.0: does not know the boundaries
            """)
    void refusesWhatCannotWork(String text, String message) {
        assertThatThrownBy(() -> ConfigReader.parse("c.toml", text.formatted(), List.of())).isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\'', textBlock = """
            ''                          | distillation.teacher = "": name a model to learn from
            'teacher="t"%nbeta = 0'     | distillation.beta = 0.0: nothing is learned from the teacher
            'teacher="t"%nlayer = 4'    | distillation.layer = 4: must be in [-4, 3] with model.layers = 4
            'teacher="t"%nlayer = -5'   | distillation.layer = -5: must be in [-4, 3]
            'teacher="t"%ntop_k = 8%nkind = "jensen"'   | distillation.kind = jensen: with top_k only "forward"
            'teacher="t"%ntop_k = 8%nhidden = 1'        | distillation.top_k = 8: hidden and relation need the teacher itself
            'teacher="t"%ntop_k = 8%ngamma = 1'         | distillation.gamma = 1.0: with top_k the probabilities are of one temperature
            'teacher="t"%ntop_k = 8%ncache_file = ""'   | distillation.cache_file = "": name a file
            'kind = "backward"'         | c.toml:3: distillation.kind = "backward": must be "forward" or "reverse" or "jensen"
            'temprature = 4'            | c.toml:3: distillation.temprature: unknown key; did you mean temperature?
            'temperature = 0'           | c.toml:3: distillation.temperature = 0: must be a number in [0.01, 1000]
            """)
    void refusesDistillationThatCannotWork(String keys, String message) {
        String text = "[distillation]%nenabled = true%n" + keys;
        assertThatThrownBy(() -> ConfigReader.parse("c.toml", text.formatted(), List.of())).isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void blocksOfStudentAndTeacherHaveTheSameDepth() {
        TrainingConfig.Distillation last = TrainingConfig.defaults().distillation();
        assertThat(last.block(4)).isEqualTo(3);
        assertThat(last.teacherBlock(4, 12)).isEqualTo(11);
        TrainingConfig.Distillation second = ConfigReader.parse("c", "", List.of("distillation.layer=1")).distillation();
        assertThat(second.block(4)).isEqualTo(1);
        assertThat(second.teacherBlock(4, 12)).as("half way").isEqualTo(5);
        assertThat(second.teacherBlock(4, 2)).isZero();
    }

    /** A list as long as a file can hold, of what fits in the last block alone. */
    @Test
    void patternsAreNotTooMany() {
        List<String> items = Collections.nCopies(20_000, "\"blk.1023.ffn_down=4\"");
        assertThatThrownBy(() -> ConfigReader.parse("c", "[model]\nlayers = 1024\n[quantization]\nlayers = " + items, List.of()))
                .isInstanceOf(ConfigException.class).hasMessageContaining("quantization.layers = 20000 items: must be at most");
    }

    @Test
    void saveBestOnlyNeedsEvaluations() {
        assertThatThrownBy(() -> ConfigReader.parse("c", "", List.of("checkpoint.save_best_only=true", "training.eval_every=0")))
                .hasMessageContaining("set training.eval_every");
    }

    @Test
    void overridesWinOverTheFile() {
        TrainingConfig config = ConfigReader.parse("c", "[training]\nmax_steps = 7", List.of("training.max_steps=8",
                "training.max_steps = 9000", "data.glob=**.java", "data.paths=[\"x\"]", "model.activation=relu2"));
        assertThat(config.training().maxSteps()).isEqualTo(9000);
        assertThat(config.data().glob()).isEqualTo("**.java");
        assertThat(config.data().paths()).containsExactly("x");
        assertThat(config.model().activation()).isEqualTo(Glu.RELU2);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            max_steps=5           | did you mean training.max_steps?
            training.max_step=5   | did you mean training.max_steps?
            training.seed=1000000000000000001 | an integer has at most 18 digits
            training.max_steps    | must be section.key=value
            training.max_steps=x  | training.max_steps = "x": must be an integer
            """)
    void badOverridesAreExplained(String override, String message) {
        assertThatThrownBy(() -> ConfigReader.parse("c", "", List.of(override))).isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Property(tries = 300)
    void whatIsWrittenIsReadBack(@ForAll String path, @ForAll String prompt, @ForAll @DoubleRange(min = 0, max = 99) @Scale(9) double rate,
            @ForAll @IntRange(min = 1) int batch,
            @ForAll @LongRange(min = -100_000_000_000_000_000L, max = 100_000_000_000_000_000L) long seed,
            @ForAll boolean twin, @ForAll @LongRange(min = 1000, max = 1_000_000_000) long steps) {
        TrainingConfig d = TrainingConfig.defaults();
        TrainingConfig config = new TrainingConfig(d.model(),
                new TrainingConfig.Data(List.of(path, "b"), d.data().glob(), 0.1, 5, d.data().invalidUtf8(), seed, List.of("held")),
                d.tokenizer(),
                new TrainingConfig.Training(seed, batch, 2, steps, 0, 1, 2, 3, 4, rate, twin, twin ? Precision.BF16 : Precision.FP32, !twin,
                        twin, steps % 7, 1, prompt, 9, 0, 0, rate + 1, !twin),
                d.optimizer(),
                new TrainingConfig.Schedule(ScheduleKind.LINEAR, rate, 0, 0, 0, 0, 0, 0.5, Shape.COSINE, 0.25, 2, rate, steps),
                d.quantization(), d.activations(),
                d.progressive(),
                d.loss(), d.distillation(), d.curriculum(), d.guard(), d.checkpoint(), d.logging());
        assertThat(ConfigReader.parse("c", ConfigWriter.toToml(config), List.of())).isEqualTo(config);
        assertThat(ConfigReader.fromMap("c", ConfigWriter.toMap(config))).isEqualTo(config);
    }

    @Test
    void aConfigurationMadeInCodeIsCheckedToo() {
        TrainingConfig d = TrainingConfig.defaults();
        assertThat(ConfigReader.check(d)).isEqualTo(d);
        TrainingConfig.Data none = new TrainingConfig.Data(List.of(), "**", 0.9, 0, d.data().invalidUtf8(), 0, List.of());
        assertThatThrownBy(() -> ConfigReader.check(new TrainingConfig(d.model(), none, d.tokenizer(), d.training(), d.optimizer(),
                d.schedule(), d.quantization(), d.activations(), d.progressive(), d.loss(), d.distillation(), d.curriculum(), d.guard(),
                d.checkpoint(), d.logging())))
                .hasMessageContaining("data.held_out = 0.9");
    }

    @Test
    void readsAFileAndRefusesAHugeOne(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("a.toml"), "[training]\nmax_steps = 123\n");
        assertThat(ConfigReader.read(file, List.of()).training().maxSteps()).isEqualTo(123);
        Files.write(file, new byte[(1 << 20) + 1]);
        assertThatThrownBy(() -> ConfigReader.read(file, List.of())).hasMessageContaining("1048577 bytes");
    }
}
