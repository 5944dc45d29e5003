package org.setun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.setun.formats.PartialFile;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.quant.calibration.Calibrator;
import org.setun.quant.model.ModelFile;
import org.setun.training.StopFlag;
import picocli.CommandLine.Option;

/** How {@code calibrate} and {@code imatrix} name the model and the file to write, and how both show what they do. */
final class CalibrationModel {

    static final int INTERRUPTED = 130;

    @Option(names = "--model", required = true, paramLabel = "FILE", description = "A GGUF file (llama, bitnet, qwen2, qwen3, ...), a Hugging Face checkpoint of these families (a "
            + ".safetensors file, model.safetensors.index.json, or their folder) or a llama2.c .bin file.")
    Path model = Path.of("");

    @Option(names = "--tokenizer", paramLabel = "FILE", description = "Tokenizer of a llama2.c model; the others bring their own.")
    @Nullable
    Path tokenizer;

    @Option(names = {"-o",
            "--output"}, required = true, paramLabel = "FILE", description = "The file to write; an older one stays if anything fails.")
    Path output = Path.of("");

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    /** Opens the model once it is clear that the output can be written. */
    ModelFile open() throws IOException {
        InputFiles.requireFile(output, "the file to write");
        Path folder = output.toAbsolutePath().getParent();
        if (folder != null && Files.notExists(folder)) {
            throw new NoSuchFileException(folder.toString());
        }
        ModelFile file = ModelFile.open(model, tokenizer);
        try {
            PartialFile.requireOther(output, file.files());
            PartialFile.requireOther(output, file.sideFiles());
            return file;
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    Tokenizer tokenizer(ModelFile file) {
        return file.tokenizer().orElseThrow(() -> new IllegalArgumentException(
                model + " holds no tokenizer; name one with --tokenizer FILE (llama2.c), or put tokenizer.json beside it (Hugging Face)"));
    }

    /** The tokens per sequence: what was asked for, which must fit into the model's context, or as many of {@code usual} as fit. */
    static int context(@Nullable Integer asked, int usual, ModelFile file) {
        int most = file.config().context();
        if (asked != null && (asked < 2 || asked > most)) {
            throw new IllegalArgumentException("--context " + asked + " must be in [2, " + most + "], which the model was made for");
        }
        return asked == null ? Math.min(usual, most) : asked;
    }

    /**
     * Says that the run was stopped.
     *
     * @param goesOn whether the next run goes on from here
     */
    int interrupted(boolean goesOn) {
        return interrupted(output, goesOn);
    }

    /** The same for a command that names its output itself. */
    static int interrupted(Path output, boolean goesOn) {
        System.err.println("setun: interrupted; " + output + (Files.exists(output) ? " is as it was" : " was not written")
                + (goesOn ? "; the same command goes on from here" : ""));
        return INTERRUPTED;
    }

    /** A bar over the sequences of all passes, which ends the run when the user asks for it. */
    static final class Watch implements Calibrator.Progress, AutoCloseable {

        private final String task;
        private final StopFlag stop;
        private @Nullable ProgressLine line;

        Watch(String task, StopFlag stop) {
            this.task = task;
            this.stop = stop;
        }

        @Override
        public void at(long done, long ofAll) {
            if (stop.reason() != null) {
                throw new CancellationException(stop.reason());
            }
            if (line == null) {
                line = new ProgressLine(task, "sequences", ofAll);
            }
            line.at(done, "");
        }

        @Override
        public void close() {
            if (line != null) {
                line.close();
            }
        }
    }
}
