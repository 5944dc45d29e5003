package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.setun.formats.PartialFile;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.quant.calibration.CalibrationConfig;
import org.setun.quant.calibration.Calibrator;
import org.setun.quant.calibration.FisherLabels;
import org.setun.quant.calibration.Imatrix;
import org.setun.quant.calibration.TextChunks;
import org.setun.quant.model.ModelFile;
import org.setun.training.StopFlag;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code setun imatrix}: computes an importance matrix of a model on a text, for this program and for llama.cpp. */
@Command(name = "imatrix", mixinStandardHelpOptions = true, description = {
        "Computes an importance matrix: how strongly each input column is used.",
        "setun quantize --imatrix and llama.cpp's llama-quantize --imatrix read it."})
final class ImatrixCommand implements Callable<Integer> {

    @Mixin
    CalibrationModel source = new CalibrationModel();

    @Option(names = "--data", required = true, split = ",", paramLabel = "FILE", description = "Text: .txt, .json or .jsonl, plain or "
            + "packed as .xz or .gz; several may be given.")
    List<Path> data = List.of();

    @Option(names = "--chunks", paramLabel = "N", description = "Most chunks to use; 0: all "
            + "(default: ${DEFAULT-VALUE}).", defaultValue = "0")
    int chunks;

    @Option(names = "--context", paramLabel = "TOKENS", description = "Tokens per chunk (default: 512, or the model's context if that is "
            + "smaller).")
    @Nullable
    Integer context;

    @Option(names = "--process-output", description = "Include the head, which llama.cpp leaves out by default.")
    boolean processOutput;

    @Override
    public Integer call() throws IOException {
        for (Path file : data) {
            InputFiles.requireFile(file, "a file of text");
        }
        long start = System.nanoTime();
        PartialFile.requireOther(source.output, data);
        try (ModelFile file = source.open()) {
            int tokens = CalibrationModel.context(context, CalibrationConfig.DEFAULT_CONTEXT, file);
            List<int[]> sequences = TextChunks.read(data, source.tokenizer(file), tokens, chunks);
            CalibrationConfig config = new CalibrationConfig(Map.of(), tokens, 0, FisherLabels.NONE, false, 1);
            try (StopFlag stop = StopFlag.onInterrupt()) {
                return run(file, config, sequences, stop, start);
            }
        }
    }

    /** All within the flag's life, so that what is said of an interruption is said before the program ends. */
    private int run(ModelFile file, CalibrationConfig config, List<int[]> sequences, StopFlag stop, long start) throws IOException {
        try (Backend backend = Backends.open();
                MemoryPool pool = new MemoryPool(backend);
                CalibrationModel.Watch watch = new CalibrationModel.Watch("imatrix", stop);
                Calibrator calibrator = new Calibrator(backend, file.decoder(pool), sequences, config, watch)) {
            calibrator.run();
            Imatrix imatrix = Calibrator.imatrix(processOutput ? calibrator.inputs() : calibrator.inputsOfBlocks(),
                    TextChunks.names(data),
                    sequences.size(), config.context());
            imatrix.write(source.output);
            watch.close();
            report(imatrix, (System.nanoTime() - start) * 1e-9);
        } catch (CancellationException e) {
            return source.interrupted(false);
        }
        return 0;
    }

    private void report(Imatrix imatrix, double seconds) {
        long tokens = imatrix.chunkCount() * imatrix.chunkSize();
        if (source.json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("output", source.output);
            result.put("tensors", imatrix.entries().size());
            result.put("chunks", imatrix.chunkCount());
            result.put("context", imatrix.chunkSize());
            result.put("tokens", tokens);
            result.put("seconds", seconds);
            System.out.println(Json.line(result));
        } else {
            System.out.printf(Locale.ROOT, "%s: %d tensors, %,d chunks of %,d tokens, %,.0f tokens/s%n", source.output,
                    imatrix.entries().size(), imatrix.chunkCount(), imatrix.chunkSize(), tokens / seconds);
        }
    }
}
