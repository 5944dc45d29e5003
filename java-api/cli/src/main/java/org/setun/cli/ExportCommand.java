package org.setun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.inspect.Printable;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.quant.export.ExportReport;
import org.setun.quant.export.MatrixType;
import org.setun.quant.export.ScaleStorage;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.lm.ModelExport;
import org.setun.training.lm.TrainedModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code setun export CHECKPOINT FILE.gguf}: writes a trained model for inference. */
@Command(name = "export", mixinStandardHelpOptions = true, description = "Writes the model of a checkpoint as a GGUF file.")
final class ExportCommand implements Callable<Integer> {

    @Parameters(index = "0", paramLabel = "CHECKPOINT", description = "Folder of one checkpoint, for example run/ternary/step-00001000.")
    Path checkpoint = Path.of("");

    @Parameters(index = "1", paramLabel = "FILE", description = "The GGUF file to write; an older one stays if writing fails.")
    Path file = Path.of("");

    @Option(names = "--type", description = "Type of the matrices: ${COMPLETION-CANDIDATES} (default: the format that the weights were "
            + "trained for; of ternary weights TQ2_0, or I2_S with squared ReLU; of others TRAINED: the type that holds each matrix as it was "
            + "trained).")
    @Nullable
    MatrixType type;

    @Option(names = "--scales", description = "Where ternary scales go: ${COMPLETION-CANDIDATES}; TENSOR is exact (default: ${DEFAULT-VALUE}).", defaultValue = "TENSOR")
    ScaleStorage scales = ScaleStorage.TENSOR;

    @Option(names = "--name", description = "Name of the model in the file (default: ${DEFAULT-VALUE}).", defaultValue = "setun")
    String name = "";

    @Option(names = "--license", description = "Licence of the model in the file.", defaultValue = "")
    String license = "";

    @Override
    public Integer call() throws IOException {
        requireCheckpoint();
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            TrainedModel model = TrainedModel.load(checkpoint, pool);
            ExportReport report = ModelExport.write(backend, model, new ModelExport.Options(name, license, type, scales), file,
                    Runtime.getRuntime().availableProcessors());
            System.out.printf(Locale.ROOT, "%s: architecture %s, %,d bytes%n", report.file(), report.architecture(), report.bytes());
            if (report.scaleError() > 0) {
                System.out.printf(Locale.ROOT, "largest relative error of a scale: %.2g%n", report.scaleError());
            }
            report.warnings().forEach(warning -> System.err.println("warning: " + Printable.of(warning)));
        }
        return 0;
    }

    private void requireCheckpoint() throws IOException {
        InputFiles.requireFolder(checkpoint, "the folder of a checkpoint");
        List<Path> inside = CheckpointStore.list(checkpoint);
        if (!inside.isEmpty()) {
            throw new IllegalArgumentException(checkpoint + " holds checkpoints; name one of them, the newest is " + inside.getLast());
        }
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null && Files.notExists(folder)) {
            throw new NoSuchFileException(folder.toString());
        }
    }
}
