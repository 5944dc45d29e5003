package org.setun.kernels;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** What a process does and says with and without a native library, each in a JVM of its own. */
class BackendsTest {

    /** Runs in the other JVM. */
    static final class Main {
        public static void main(String[] args) {
            try (Setun setun = Setun.open()) {
                float[] y = setun.quantize(new float[]{1, -1}, 1, 2).matmul(new float[]{127, -127}, 1);
                System.out.println("result " + y[0] + " by " + setun.backend().name() + " with " + setun.backend().threads());
            }
        }
    }

    private record Outcome(int exit, String output) {
    }

    private static Outcome run(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElseThrow()));
        command.addAll(List.of(options));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new Outcome(process.exitValue(), output);
    }

    private static final String LIBRARY = "-Dsetun.native.path=" + System.getProperty("setun.native.path");
    private static final String ACCESS = "--enable-native-access=ALL-UNNAMED";

    @Test
    void theNativeBackendIsTheDefaultAndSaysSoInOneLine() throws Exception {
        Outcome outcome = run(ACCESS, LIBRARY, "-Dsetun.threads=1", "-Dsetun.isa=portable");
        assertThat(outcome.output()).contains("result 254.0 by cpu with 1").containsOnlyOnce("INFO: backend cpu (portable, 1 threads");
        assertThat(outcome.exit()).isZero();
    }

    @Test
    void withoutALibraryTheReferenceRunsAndSaysWhy() throws Exception {
        Outcome outcome = run(ACCESS, "-Dsetun.native.path=/nowhere/libsetun.so");
        assertThat(outcome.output()).contains("result 254.0 by reference with 0").containsOnlyOnce("WARNING: backend reference")
                .contains("/nowhere/libsetun.so: no such file").contains("What to do:");
        assertThat(outcome.exit()).isZero();
    }

    @Test
    void requiredMeansNoFallback() throws Exception {
        Outcome outcome = run(ACCESS, "-Dsetun.native.path=/nowhere/libsetun.so", "-Dsetun.native.required=true");
        assertThat(outcome.output()).contains("NativeLibraryException: cannot load the native library").doesNotContain("result");
        assertThat(outcome.exit()).isNotZero();
    }

    @Test
    void withoutNativeAccessTheReferenceRuns() throws Exception {
        Outcome outcome = run("--illegal-native-access=deny", LIBRARY);
        assertThat(outcome.output()).contains("result 254.0 by reference").contains("--enable-native-access=");
        assertThat(outcome.exit()).isZero();
    }

    @Test
    void badPropertiesAreNamed() throws Exception {
        assertThat(run(ACCESS, LIBRARY, "-Dsetun.isa=sse9").output()).contains("isa = sse9 must be one of portable, avx2");
        assertThat(run(ACCESS, LIBRARY, "-Dsetun.threads=many").output()).contains("setun.threads = many must be a number in [0, 1024]");
        assertThat(run(ACCESS, LIBRARY, "-Dsetun.blas=mkl").output()).contains("setun.blas = mkl must be one of auto, always, none");
    }
}
