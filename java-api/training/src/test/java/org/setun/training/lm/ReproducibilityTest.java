package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.NativeBackend;
import org.setun.training.TrainingResult;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.lm.LanguageModelTraining.Resume;

import static org.assertj.core.api.Assertions.assertThat;

/** A run has the same bits at any thread count. */
class ReproducibilityTest {

    @TempDir
    Path folder;

    private record Run(List<Double> losses, List<TrainingResult.Point> evaluations, List<byte[]> files) {
    }

    private Run run(int threads, String keys) throws IOException {
        Path text = Runs.text(folder);
        Path checkpoints = folder.resolve("threads" + threads);
        List<String> all = new ArrayList<>(List.of(keys.strip().split(" +")));
        all.addAll(List.of("training.reproducible=true", "training.max_steps=6", "training.eval_every=3", "model.context=48",
                "training.batch_size=6"));
        try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults().withThreads(threads));
                LanguageModelTraining training = LanguageModelTraining.open(Runs.config(text, checkpoints, all.toArray(String[]::new)),
                        backend)) {
            TrainingResult result = training.train(Resume.NEW).result();
            Path newest = CheckpointStore.list(checkpoints.resolve(result.run())).getLast();
            List<byte[]> files = new ArrayList<>();
            for (String name : List.of("model.safetensors", "optimizer.safetensors")) {
                files.add(Files.readAllBytes(newest.resolve(name)));
            }
            return new Run(Arrays.stream(result.losses()).boxed().toList(), result.evaluations(), files);
        }
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            quantization.weights=ternary
            quantization.weights=ternary training.precision=bf16 optimizer.kind=adamw8bit
            quantization.weights=none training.precision=bf16 optimizer.kind=muon
            quantization.weights=none optimizer.kind=lamb
            quantization.weights=uniform quantization.bits=3 optimizer.kind=adafactor optimizer.track_codes=true
            quantization.weights=uniform quantization.estimator=gumbel quantization.bits=2 progressive.fraction=0.5 optimizer.kind=lion
            """)
    void theThreadsChangeNoBit(String keys) throws IOException {
        Run one = run(1, keys);
        for (int threads : new int[]{0, 2, 3}) {
            Run other = run(threads, keys);
            assertThat(other.losses()).as("%d threads", threads).isEqualTo(one.losses());
            assertThat(other.evaluations()).isEqualTo(one.evaluations());
            for (int file = 0; file < 2; file++) {
                assertThat(other.files().get(file)).isEqualTo(one.files().get(file));
            }
        }
    }
}
