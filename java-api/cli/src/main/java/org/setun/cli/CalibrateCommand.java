package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.setun.formats.PartialFile;
import org.setun.formats.Sha256;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.quant.calibration.CalibrationConfig;
import org.setun.quant.calibration.CalibrationData;
import org.setun.quant.calibration.CalibrationDomain;
import org.setun.quant.calibration.CalibrationJob;
import org.setun.quant.calibration.Calibrator;
import org.setun.quant.calibration.FisherLabels;
import org.setun.quant.calibration.Provenance;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.model.ModelFile;
import org.setun.training.StopFlag;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code setun calibrate}: runs a model over text of five domains and keeps what quantization needs to know. */
@Command(name = "calibrate", mixinStandardHelpOptions = true, description = {
        "Runs a model over text and keeps statistics, Hessians and Fisher information for quantization.",
        "Domains: math, code, language, reasoning, tool-use.",
        "A run that was interrupted goes on where it stopped when the same command is given again."})
final class CalibrateCommand implements Callable<Integer> {

    private static final Pattern BITS = Pattern.compile("([1-8])bit");
    /** From here on rounding to nearest is close to what adaptive rounding gives, and Hessians are rarely worth their memory. */
    private static final double WIDE_BITS = 5;

    @Mixin
    CalibrationModel source = new CalibrationModel();

    @ArgGroup(multiplicity = "1")
    Data data = new Data();

    /** Where the text comes from. */
    static final class Data {

        @Option(names = "--data", paramLabel = "DIR", description = "A folder with math.jsonl, code.txt, tool-use/... and so on, or with "
                + "GSM8K, MBPP, HumanEval, WikiText-2, BIG-Bench Hard and BFCL as eval/gsm8k/train.jsonl, ...")
        @Nullable
        Path folder;

        @Option(names = "--domains", split = ",", paramLabel = "DOMAIN=FILE", description = "Text per domain, a file or a folder of files; "
                + "a domain may be named several times. Domains that are not named are not used.")
        List<String> domains = List.of();
    }

    @Option(names = "--samples", paramLabel = "N", description = "Sequences of all domains together, shared as 2048 : 1024 : 4096 : 2048 : "
            + "1024 (default: those counts).")
    @Nullable
    Integer samples;

    @Option(names = "--format", paramLabel = "FORMAT", description = "What is to be quantized to: 2bit, 3bit, ... or a name as setun "
            + "quantize takes it. Up to 4 bits, Hessians are collected (default: ${DEFAULT-VALUE}).", defaultValue = "2bit")
    String format = "";

    @Option(names = "--hessians", negatable = true, description = "Collect x^T x of every input or not, whatever the format.")
    @Nullable
    Boolean hessians;

    @Option(names = "--hessian-memory", paramLabel = "MB", description = "Memory for Hessians; the text is read several times if they need "
            + "more (default: ${DEFAULT-VALUE}).", defaultValue = "4096")
    long hessianMegabytes;

    @Option(names = "--fisher", description = "Labels of the Fisher information: ${COMPLETION-CANDIDATES} "
            + "(default: ${DEFAULT-VALUE}).", defaultValue = "TRUE")
    FisherLabels fisher = FisherLabels.TRUE;

    @Option(names = "--context", paramLabel = "TOKENS", description = "Most tokens per sequence (default: 512, or the model's context if "
            + "that is smaller).")
    @Nullable
    Integer context;

    @Option(names = "--seed", description = "Chooses the samples (default: ${DEFAULT-VALUE}).", defaultValue = "0")
    long seed;

    @Override
    public Integer call() throws IOException {
        boolean withHessians = hessians == null ? bits() < WIDE_BITS : hessians;
        if (hessianMegabytes < 1 || hessianMegabytes > Long.MAX_VALUE >> 20) {
            throw new IllegalArgumentException("--hessian-memory " + hessianMegabytes + " must be at least 1");
        }
        long start = System.nanoTime();
        try (ModelFile file = source.open()) {
            Map<CalibrationDomain, List<Path>> files = files();
            CalibrationConfig config = config(files, CalibrationModel.context(context, CalibrationConfig.DEFAULT_CONTEXT, file),
                    withHessians);
            CalibrationData read = CalibrationData.read(files, config, source.tokenizer(file));
            PartialFile.requireOther(source.output, read.files());
            Provenance provenance = new Provenance(
                    new Provenance.Source("", String.valueOf(source.model.toAbsolutePath().normalize().getFileName()),
                            Sha256.of(file.files(), _ -> {
                            })),
                    read.sources(), read.domains(), seed, config.context(), fisher, format,
                    Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
            try (StopFlag stop = StopFlag.onInterrupt()) {
                return run(file, config, read, provenance, stop, start);
            }
        }
    }

    /** All within the flag's life, so that what is said of an interruption is said before the program ends. */
    private int run(ModelFile file, CalibrationConfig config, CalibrationData read, Provenance provenance, StopFlag stop, long start)
            throws IOException {
        try (Backend backend = Backends.open();
                MemoryPool pool = new MemoryPool(backend);
                CalibrationModel.Watch watch = new CalibrationModel.Watch("calibrate", stop);
                Calibrator calibrator = new Calibrator(backend, file.decoder(pool), read.sequences(), config, watch);
                CalibrationJob job = CalibrationJob.open(source.output, provenance, calibrator)) {
            if (job.startsAgain()) {
                System.err.println("note: " + source.output + ".partial was of another model, data or options; starting again");
            }
            job.run();
            watch.close();
            report(provenance, calibrator, job.resumed(), (System.nanoTime() - start) * 1e-9);
        } catch (CancellationException e) {
            return source.interrupted(true);
        }
        return 0;
    }

    /** The bits per weight of the target. */
    private double bits() {
        Matcher bits = BITS.matcher(format);
        return bits.matches() ? Integer.parseInt(bits.group(1)) : WeightFormats.parse(format).bitsPerWeight();
    }

    private Map<CalibrationDomain, List<Path>> files() throws IOException {
        if (data.folder != null) {
            InputFiles.requireFolder(data.folder, "one with the data of all domains");
            return CalibrationData.find(data.folder);
        }
        Map<CalibrationDomain, List<Path>> files = new EnumMap<>(CalibrationDomain.class);
        for (String pair : data.domains) {
            String[] sides = pair.split("=", 2);
            if (sides.length != 2 || sides[1].isEmpty()) {
                throw new IllegalArgumentException("--domains: '" + pair + "' is not DOMAIN=FILE");
            }
            files.computeIfAbsent(CalibrationDomain.of(sides[0]), domain -> new ArrayList<>()).add(Path.of(sides[1]));
        }
        return files;
    }

    private CalibrationConfig config(Map<CalibrationDomain, List<Path>> files, int tokens, boolean withHessians) {
        int total = samples == null ? files.keySet().stream().mapToInt(CalibrationDomain::defaultSamples).sum() : samples;
        Map<CalibrationDomain, Integer> counts = CalibrationConfig.defaults().withSamples(total, files.keySet()).samples();
        return new CalibrationConfig(counts, tokens, seed, fisher, withHessians, hessianMegabytes << 20);
    }

    private void report(Provenance provenance, Calibrator calibrator, boolean resumed, double seconds) {
        int passes = calibrator.passes();
        long tokens = provenance.domains().stream().mapToLong(Provenance.Domain::tokens).sum();
        if (source.json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("output", source.output);
            result.put("inputs", calibrator.inputs().size());
            result.put("hessians", calibrator.hessians().size());
            result.put("fisher", calibrator.fisher().size());
            result.put("passes", passes);
            result.put("resumed", resumed);
            result.put("tokens", tokens);
            result.put("seconds", seconds);
            result.put("provenance", provenance);
            System.out.println(Json.line(result));
            return;
        }
        for (Provenance.Domain domain : provenance.domains()) {
            System.out.printf(Locale.ROOT, "%-10s %,7d of %,d samples, %,d tokens%n", domain.domain(), domain.samples(), domain.available(),
                    domain.tokens());
        }
        System.out.printf(Locale.ROOT, "%s: %d inputs, %d Hessians, Fisher information of %d weights; %,d tokens, %d pass%s, %.0f s%s%n",
                source.output, calibrator.inputs().size(), calibrator.hessians().size(), calibrator.fisher().size(), tokens, passes,
                passes == 1 ? "" : "es", seconds, resumed ? ", went on with an earlier run" : "");
    }
}
