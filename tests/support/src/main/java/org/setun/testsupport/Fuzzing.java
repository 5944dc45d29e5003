package org.setun.testsupport;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Fuzzes the targets of a module, as many at once as there are cores: {@code Fuzzing SECONDS [TARGET...]} in the module's folder, with its test
 * class path. A target is a class {@code <target>FuzzTest} with one fuzz method; Jazzer fuzzes only the first one that a JVM meets, so each has
 * a JVM of its own. Logs lie in {@code target/fuzz}; a crash becomes a file among the test resources, which the plain tests then repeat.
 */
public final class Fuzzing {

    private static final Path CLASSES = Path.of("target", "test-classes");
    private static final Path LOGS = Path.of("target", "fuzz");
    private static final String SUFFIX = "FuzzTest";
    private static final Pattern DONE = Pattern.compile("(?m)^#(\\d+)\\s+DONE.*?cov: (\\d+)");
    /** More than starting and ending takes on a machine that does other work, too. */
    private static final Duration STARTUP = Duration.ofMinutes(10);

    private Fuzzing() {
    }

    /** Exits with 1 if a target crashed or did not run. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments.length == 0) {
            throw new IllegalArgumentException("usage: Fuzzing SECONDS [TARGET...]");
        }
        long seconds = Long.parseLong(arguments[0]);
        Map<String, String> targets = targets();
        List<String> named = List.of(arguments).subList(1, arguments.length).stream().filter(name -> !name.isBlank()).toList();
        if (!named.isEmpty()) {
            targets.keySet().retainAll(named); // the others are of another module
        }
        Files.createDirectories(LOGS);
        List<String> failed = new ArrayList<>();
        try (ExecutorService pool = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            Map<String, Future<String>> running = new LinkedHashMap<>();
            targets.forEach((name, type) -> running.put(name, pool.submit((Callable<String>) () -> fuzz(name, type, seconds))));
            for (Map.Entry<String, Future<String>> target : running.entrySet()) {
                try {
                    System.out.printf("fuzz %-18s %s%n", target.getKey(), target.getValue().get());
                } catch (ExecutionException fault) {
                    System.out.printf("fuzz %-18s FAILED: %s%n", target.getKey(), fault.getCause().getMessage());
                    failed.add(target.getKey());
                }
            }
        }
        System.exit(failed.isEmpty() ? 0 : 1);
    }

    /** Name to class of every target of the module, by name. */
    private static Map<String, String> targets() throws IOException {
        try (Stream<Path> files = Files.walk(CLASSES)) {
            Map<String, String> targets = new LinkedHashMap<>();
            files.map(file -> CLASSES.relativize(file).toString())
                    .filter(file -> file.endsWith(SUFFIX + ".class"))
                    .sorted()
                    .map(file -> file.substring(0, file.length() - ".class".length()).replace('/', '.').replace('\\', '.'))
                    .forEach(type -> targets.put(type.substring(type.lastIndexOf('.') + 1, type.length() - SUFFIX.length()), type));
            return targets;
        }
    }

    /** What one target did, in words; throws if it crashed, hung or never fuzzed. */
    private static String fuzz(String name, String type, long seconds) throws IOException, InterruptedException {
        Path log = LOGS.resolve(name + ".log");
        ProcessBuilder builder = new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-Xmx2g",
                "-XX:+EnableDynamicAgentLoading",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                "org.junit.platform.console.ConsoleLauncher",
                "execute",
                "--disable-banner",
                "--details=none",
                "--select-class=" + type);
        builder.environment().put("JAZZER_FUZZ", "1");
        builder.environment().put("JAZZER_MAX_DURATION", seconds + "s");
        Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        if (!process.waitFor(seconds + STARTUP.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IOException("still running " + STARTUP.toMinutes() + " minutes after its time, see " + log.toAbsolutePath());
        }
        Matcher done = DONE.matcher(Files.readString(log));
        if (process.exitValue() != 0 || !done.find()) {
            throw new IOException("exit status " + process.exitValue() + ", see " + log.toAbsolutePath());
        }
        return "%,d inputs, coverage %s, in %d s".formatted(Long.parseLong(done.group(1)), done.group(2), seconds);
    }
}
