package org.setun.benchmarks.peers;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.setun.kernels.Isa;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command line of the comparison with other libraries. */
@Command(name = "peers", mixinStandardHelpOptions = true, sortOptions = false, description = {
        "Times products of other libraries beside ours, in turn in one process: of ternary weights, each side in its own format, or,",
        "with --blocks, of weights in the same blocks.",
        "fp32 activations in, fp32 results out; the quantization of the activations is timed on both sides.",
        "Each side's results are compared with exact dot products before it is timed."})
public final class PeerBenchmark implements Callable<Integer> {

    private static final JsonMapper JSON = new JsonMapper();

    @Option(names = "--llamacpp", paramLabel = "LIB", description = "Shared library with the CPU parts of llama.cpp's ggml.")
    Path llamaCpp;

    @Option(names = "--ik", paramLabel = "LIB", description = "The same of ik_llama.cpp.")
    Path ikLlamaCpp;

    @Option(names = "--bitnet", paramLabel = "LIB", description = "The same of bitnet.cpp.")
    Path bitnetCpp;

    @Option(names = "--format", paramLabel = "F", split = ",", description = "Formats to compare: ${COMPLETION-CANDIDATES} (default:"
            + " those meant for ternary weights and Q4_0, but not TL2, whose kernels exist only for the shapes that the library was generated"
            + " for; with --blocks: all that we have, too).")
    Set<PeerFormat> formats = EnumSet.noneOf(PeerFormat.class);

    @Option(names = "--blocks", description = "Our weights are the peer's blocks, not ternary.")
    boolean sameBlocks;

    @Option(names = "--case", paramLabel = "MxKxN[:cold]", split = ",", defaultValue = "2560x2560x1,2560x2560x1:cold,6912x2560x1:cold,"
            + "2560x6912x1:cold,2560x2560x32,2560x2560x512", description = "Outputs x inputs x activation rows; cold: the weights come"
                    + " from memory (default: ${DEFAULT-VALUE}).")
    List<String> cases = new ArrayList<>();

    @Option(names = "--threads", paramLabel = "T", split = ",", defaultValue = "1,2", description = "Threads (default: ${DEFAULT-VALUE}).")
    List<Integer> threads = new ArrayList<>();

    @Option(names = "--tier", paramLabel = "TIER", description = "Our highest kernel tier: ${COMPLETION-CANDIDATES}.")
    Isa tier;

    @Option(names = "--cold-mb", paramLabel = "MB", description = "Weights that a cold case walks through (default: ${DEFAULT-VALUE}).")
    int coldMb = 600;

    @Option(names = "--rounds", paramLabel = "R", description = "Rounds of each comparison (default: ${DEFAULT-VALUE}).")
    int rounds = 9;

    @Option(names = "--seconds", paramLabel = "S", description = "Time of one side in one round (default: ${DEFAULT-VALUE}).")
    double seconds = 0.05;

    @Option(names = "--json", description = "Print one JSON object per row.")
    boolean json;

    public static void main(String[] args) {
        System.exit(run(args));
    }

    /** Runs a command line: 0 success, 1 failure while running, 2 wrong usage or input. */
    static int run(String... args) {
        CommandLine line = new CommandLine(new PeerBenchmark());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpAutoWidth(true);
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            command.getErr().println("peers: " + failure.getMessage());
            return failure instanceof IllegalArgumentException ? CommandLine.ExitCode.USAGE : CommandLine.ExitCode.SOFTWARE;
        });
        return line.execute(args);
    }

    @Override
    public Integer call() {
        if (rounds < 1 || !(seconds > 0) || coldMb < 1 || threads.stream().anyMatch(t -> t < 1)) {
            throw new IllegalArgumentException("--rounds, --seconds, --cold-mb and --threads must be positive");
        }
        List<Problem.Shape> shapes = cases.stream().map(Problem.Shape::parse).toList();
        Map<Peer, GgmlLibrary> libraries = new EnumMap<>(Peer.class);
        List<PeerRow.Missing> missing = new ArrayList<>();
        for (Peer peer : Peer.values()) {
            Path file = switch (peer) {
                case LLAMA_CPP -> llamaCpp;
                case IK_LLAMA_CPP -> ikLlamaCpp;
                case BITNET_CPP -> bitnetCpp;
            };
            if (file == null) {
                missing.add(new PeerRow.Missing(peer.label(), "no library given (" + peer.option() + " LIB)"));
            } else {
                libraries.put(peer, new GgmlLibrary(peer, file));
            }
        }
        if (!libraries.isEmpty()) {
            if (!json) {
                System.out.println(PeerRow.HEADER);
            }
            List<PeerFormat> chosen = Arrays.stream(PeerFormat.values()).filter(this::chosen).toList();
            try (Comparison comparison = new Comparison(libraries, threads, tier, sameBlocks, (long) coldMb << 20, rounds, seconds)) {
                for (Problem.Shape shape : shapes) {
                    comparison.run(shape, chosen, this::print);
                }
            }
        }
        missing.forEach(this::print);
        return CommandLine.ExitCode.OK;
    }

    private boolean chosen(PeerFormat format) {
        if (sameBlocks && format.blocks().isEmpty()) {
            return false;
        }
        boolean byDefault = sameBlocks || (format != PeerFormat.TL2 && (format.blocks().isEmpty() || format == PeerFormat.Q4_0));
        return formats.isEmpty() ? byDefault : formats.contains(format);
    }

    private void print(Object row) {
        try {
            System.out.println(json ? JSON.writeValueAsString(row) : row.toString());
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
