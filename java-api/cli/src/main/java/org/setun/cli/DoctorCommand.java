package org.setun.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.setun.cli.doctor.SelfTest;
import org.setun.cli.doctor.SelfTests;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.CpuFeature;
import org.setun.kernels.Isa;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.NativeLibraryException;
import org.setun.kernels.reference.ReferenceBackend;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code setun doctor}: says what this machine is and can do, and tests every kernel on every tier it has. */
@Command(name = "doctor", mixinStandardHelpOptions = true, description = "Reports the JDK, the CPU, the kernel tier and measured limits, and tests every kernel against the reference.")
final class DoctorCommand implements Callable<Integer> {

    /** What the read probe walks through; several times any last-level cache this library has met. */
    private static final long PROBE_BYTES = 512L << 20;

    @Option(names = "--json", description = "Print one JSON object instead of text.")
    boolean json;

    @Option(names = "--quick", description = "Skip the measurement of bandwidth and peaks.")
    boolean quick;

    @Override
    public Integer call() throws IOException {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("setun", new Main.Version().getVersion()[0]);
        report.put("jdk", System.getProperty("java.vm.name") + " " + Runtime.version());
        report.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version") + " " + System.getProperty("os.arch"));
        report.put("cpu", cpuModel() + ", " + Runtime.getRuntime().availableProcessors() + " threads");
        boolean healthy = nativeReport(report);
        if (json) {
            System.out.println(Json.line(report));
        } else {
            print(report);
        }
        return healthy ? 0 : Failures.FAILED;
    }

    private boolean nativeReport(Map<String, Object> report) {
        try (NativeBackend backend = NativeBackend.create()) {
            report.put("library", NativeBackend.libraryFile() + " (" + NativeBackend.buildInfo() + ")");
            report.put("features", names(CpuFeature.usable().stream()));
            if (!CpuFeature.disabled().isEmpty()) {
                report.put("disabled_by_os", names(CpuFeature.disabled().stream()));
            }
            report.put("tier", backend.isa().label());
            report.put("fp32_products", backend.blas());
            if (!quick) {
                report.put("limits", limits());
            }
        } catch (NativeLibraryException e) {
            report.put("library", "not loaded; the pure-Java reference runs instead: " + e.getMessage());
            return false;
        }
        List<SelfTest.Outcome> outcomes = selfTests();
        report.put("self_tests", outcomes);
        report.put("not_run_here", Stream.of(Isa.values()).filter(isa -> !NativeBackend.supports(isa)).map(Isa::label).toList());
        return outcomes.stream().allMatch(SelfTest.Outcome::passed);
    }

    private static Map<String, Double> limits() {
        Map<String, Double> limits = new LinkedHashMap<>();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment buffer = arena.allocate(PROBE_BYTES, 1 << 21).fill((byte) 1);
            for (int threads : new int[]{1, Runtime.getRuntime().availableProcessors()}) {
                try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults().withThreads(threads))) {
                    limits.put("read_gb_s_" + threads + "t", backend.measure(MachineLimit.READ, buffer, 0.5) / 1e9);
                    limits.put("copy_gb_s_" + threads + "t", backend.measure(MachineLimit.COPY, buffer, 0.5) / 1e9);
                    limits.put("fp32_gflop_s_" + threads + "t", 2 * backend.measure(MachineLimit.FMA_F32, buffer, 0.2) / 1e9);
                    limits.put("int8_gmac_s_" + threads + "t", backend.measure(MachineLimit.DOT_INT8, buffer, 0.2) / 1e9);
                }
            }
        }
        return limits;
    }

    private static List<SelfTest.Outcome> selfTests() {
        List<SelfTest.Outcome> outcomes = new ArrayList<>();
        ReferenceBackend reference = new ReferenceBackend();
        for (Isa isa : Isa.values()) {
            if (NativeBackend.supports(isa)) {
                try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults().withIsa(isa))) {
                    outcomes.addAll(SelfTest.compareAll(SelfTests.all(), backend, reference));
                }
            }
        }
        reference.close();
        return outcomes;
    }

    private static void print(Map<String, Object> report) {
        report.forEach((key, value) -> {
            switch (value) {
                case Map<?, ?> limits ->
                    limits.forEach((limit, rate) -> System.out.printf(Locale.ROOT, "%-16s %,.1f%n", limit, (Double) rate));
                case List<?> list when key.equals("self_tests") -> printOutcomes(list);
                case List<?> list ->
                    System.out.printf("%-16s %s%n", key, list.stream().map(String::valueOf).collect(Collectors.joining(" ")));
                default -> System.out.printf("%-16s %s%n", key, value);
            }
        });
    }

    private static void printOutcomes(List<?> outcomes) {
        Map<String, List<SelfTest.Outcome>> tiers = outcomes.stream().map(SelfTest.Outcome.class::cast)
                .collect(Collectors.groupingBy(SelfTest.Outcome::tier, LinkedHashMap::new, Collectors.toList()));
        tiers.forEach((tier, tests) -> {
            long passed = tests.stream().filter(SelfTest.Outcome::passed).count();
            System.out.printf("self-test        %-9s %d of %d kernels agree with the reference%n", tier, passed, tests.size());
            tests.stream().filter(test -> !test.passed())
                    .forEach(test -> System.out.printf(Locale.ROOT, "                 FAILED: %s (difference %.3g)%n", test.kernel(),
                            test.error()));
        });
    }

    private static List<String> names(Stream<CpuFeature> features) {
        return features.map(feature -> feature.name().toLowerCase(Locale.ROOT)).toList();
    }

    private static String cpuModel() throws IOException {
        Path info = Path.of("/proc/cpuinfo");
        if (!Files.isReadable(info)) {
            return System.getProperty("os.arch");
        }
        try (Stream<String> lines = Files.lines(info)) {
            return lines.filter(line -> line.startsWith("model name")).map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(System.getProperty("os.arch"));
        }
    }
}
