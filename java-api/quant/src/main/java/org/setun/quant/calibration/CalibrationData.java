package org.setun.quant.calibration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.setun.formats.Sha256;
import org.setun.formats.tokenizer.Tokenizer;

/** The sequences of tokens that a model is calibrated with, and where they come from. Immutable; the sequences are not to be changed. */
public final class CalibrationData {

    private static final List<String> KINDS = List.of(".txt", ".json", ".jsonl");
    private static final List<String> ENDS = List.of("", ".xz", ".gz");

    /** Where published data sets lie in a folder of many: training or development splits alone. */
    private static final Map<CalibrationDomain, List<String>> PUBLISHED = Map.of(
            CalibrationDomain.MATH, List.of("eval/gsm8k/train.jsonl"),
            CalibrationDomain.CODE, List.of("eval/mbpp/mbpp.jsonl", "eval/humaneval/HumanEval.jsonl"),
            CalibrationDomain.LANGUAGE, List.of("text/wikitext-2/train.txt"),
            CalibrationDomain.REASONING, List.of("eval/bbh"),
            CalibrationDomain.TOOL_USE, List.of("eval/bfcl"));

    private final List<int[]> sequences;
    private final List<Provenance.Domain> domains;
    private final List<Provenance.Source> sources;
    private final List<Path> files;

    private CalibrationData(List<int[]> sequences, List<Provenance.Domain> domains, List<Provenance.Source> sources, List<Path> files) {
        this.sequences = List.copyOf(sequences);
        this.domains = List.copyOf(domains);
        this.sources = List.copyOf(sources);
        this.files = List.copyOf(files);
    }

    /**
     * The files of all domains in a folder: {@code math.jsonl}, {@code tool-use/...} and so on (with .txt, .json or .jsonl, plain or packed as
     * .xz or .gz), or the data sets GSM8K, MBPP and HumanEval, WikiText-2, BIG-Bench Hard and BFCL as {@code eval/gsm8k/train.jsonl}, ....
     *
     * @throws IllegalArgumentException if a domain has neither
     */
    public static Map<CalibrationDomain, List<Path>> find(Path folder) {
        Map<CalibrationDomain, List<Path>> found = new EnumMap<>(CalibrationDomain.class);
        for (CalibrationDomain domain : CalibrationDomain.values()) {
            List<Path> files = new ArrayList<>(
                    KINDS.stream().flatMap(kind -> existing(folder.resolve(domain.label() + kind)).stream()).toList());
            if (files.isEmpty() && Files.isDirectory(folder.resolve(domain.label()))) {
                files.add(folder.resolve(domain.label()));
            }
            if (files.isEmpty()) {
                PUBLISHED.getOrDefault(domain, List.of()).forEach(name -> existing(folder.resolve(name)).ifPresent(files::add));
            }
            if (files.isEmpty()) {
                throw new IllegalArgumentException(folder + " has no data for the domain " + domain.label() + ": neither " + domain.label()
                        + ".txt, .json or .jsonl (.xz, .gz), nor a folder " + domain.label() + ", nor " + PUBLISHED.get(domain)
                        + "; name files per domain instead");
            }
            found.put(domain, List.copyOf(files));
        }
        return found;
    }

    private static Optional<Path> existing(Path plain) {
        return ENDS.stream().map(end -> plain.resolveSibling(plain.getFileName() + end)).filter(Files::exists).findFirst();
    }

    /**
     * Draws samples without replacement, each as probable as any other, and encodes them: begin marker as the tokenizer has it, cut to the
     * context. The same files, configuration and tokenizer give the same sequences.
     *
     * @param files per domain of {@code config.samples()}: data sets as {@link SampleReader} reads them, or folders of them
     * @throws IllegalArgumentException if a domain has fewer samples than asked for
     * @throws org.setun.formats.FormatException if a file is damaged or of an unknown kind
     * @throws IOException if a file cannot be read
     */
    public static CalibrationData read(Map<CalibrationDomain, List<Path>> files, CalibrationConfig config, Tokenizer tokenizer)
            throws IOException {
        List<int[]> sequences = new ArrayList<>();
        List<Provenance.Domain> domains = new ArrayList<>();
        List<Provenance.Source> sources = new ArrayList<>();
        List<Path> read = new ArrayList<>();
        for (Map.Entry<CalibrationDomain, Integer> entry : config.samples().entrySet()) {
            CalibrationDomain domain = entry.getKey();
            Reservoir chosen = new Reservoir(entry.getValue(), config.seed() * 31 + domain.ordinal());
            for (Path file : expand(domain, files.getOrDefault(domain, List.of()))) {
                SampleReader.read(file, chosen::offer);
                sources.add(source(domain, file));
                read.add(file);
                Optional<Path> answers = SampleReader.answers(file);
                if (answers.isPresent()) {
                    sources.add(source(domain, answers.get()));
                    read.add(answers.get());
                }
            }
            if (chosen.offered() < entry.getValue()) {
                throw new IllegalArgumentException("domain " + domain.label() + " has " + chosen.offered() + " samples in its files, "
                        + entry.getValue() + " are asked for: ask for fewer or name more files");
            }
            long tokens = 0;
            for (String text : chosen.texts()) {
                int[] ids = encode(tokenizer, text, config.context());
                sequences.add(ids);
                tokens += ids.length;
            }
            domains.add(new Provenance.Domain(domain.label(), entry.getValue(), chosen.offered(), tokens));
        }
        return new CalibrationData(sequences, domains, sources, read);
    }

    private static Provenance.Source source(CalibrationDomain domain, Path file) throws IOException {
        return new Provenance.Source(domain.label(), String.valueOf(file.getFileName()), Sha256.of(file));
    }

    private static int[] encode(Tokenizer tokenizer, String text, int context) {
        int[] ids = tokenizer.encode(text, true, false);
        if (ids.length == 0) {
            throw new IllegalArgumentException("the tokenizer finds no token in '" + text + "'");
        }
        return ids.length <= context ? ids : Arrays.copyOf(ids, context);
    }

    /** The files of a domain, those of folders sorted by name. */
    private static List<Path> expand(CalibrationDomain domain, List<Path> paths) throws IOException {
        if (paths.isEmpty()) {
            throw new IllegalArgumentException("domain " + domain.label() + " has no file");
        }
        List<Path> files = new ArrayList<>();
        for (Path path : paths) {
            if (Files.notExists(path)) {
                throw new NoSuchFileException(path.toString());
            }
            if (Files.isDirectory(path)) {
                try (Stream<Path> inside = Files.list(path)) {
                    files.addAll(inside.filter(Files::isRegularFile).filter(isData()).sorted().toList());
                }
            } else {
                files.add(path);
            }
        }
        return files;
    }

    private static Predicate<Path> isData() {
        return file -> {
            String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
            return !name.startsWith(".") && KINDS.stream().anyMatch(kind -> ENDS.stream().anyMatch(end -> name.endsWith(kind + end)));
        };
    }

    /** Token ids, one array per sample, domain after domain. */
    public List<int[]> sequences() {
        return sequences;
    }

    /** All files that were read. */
    public List<Path> files() {
        return files;
    }

    /** What was taken of each domain. */
    public List<Provenance.Domain> domains() {
        return domains;
    }

    /** The files that were read. */
    public List<Provenance.Source> sources() {
        return sources;
    }
}
