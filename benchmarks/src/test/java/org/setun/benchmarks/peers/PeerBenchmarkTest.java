package org.setun.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.NativeBackend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** All of the comparison that needs no library of another project. */
class PeerBenchmarkTest {

    private record Outcome(int code, String out, String err) {
    }

    private static Outcome run(String... args) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
        ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(outBytes, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(errBytes, true, StandardCharsets.UTF_8));
            int code = PeerBenchmark.run(args);
            return new Outcome(code, outBytes.toString(StandardCharsets.UTF_8), errBytes.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    @Test
    void everyPeerWithoutALibraryIsNamed() throws Exception {
        Outcome text = run();
        assertThat(text.code).isZero();
        assertThat(text.out.lines()).hasSize(3).allMatch(line -> line.startsWith("not compared: "));
        assertThat(text.out).contains("llama.cpp: no library given (--llamacpp LIB)", "--ik LIB", "--bitnet LIB");
        for (String line : run("--json").out.lines().toList()) {
            JsonNode row = new ObjectMapper().readTree(line);
            assertThat(row.get("not_compared").asText()).contains("no library given");
        }
    }

    @Test
    void anythingWrongWithALibraryIsSaid(@TempDir Path folder) throws Exception {
        Path absent = folder.resolve("absent.so");
        assertThat(run("--ik", absent.toString()))
                .isEqualTo(new Outcome(2, "", "peers: --ik: no such file: " + absent + System.lineSeparator()));

        Path text = Files.writeString(folder.resolve("text.so"), "no library");
        Outcome unreadable = run("--bitnet", text.toString());
        assertThat(unreadable.code).isEqualTo(2);
        assertThat(unreadable.err).contains("--bitnet: cannot open " + text);

        Outcome foreign = run("--llamacpp", NativeBackend.libraryFile());
        assertThat(foreign.code).isEqualTo(2);
        assertThat(foreign.err).contains("does not export ggml_init, ", "ggml_backend_graph_compute", "of llama.cpp");
    }

    @Test
    void wrongOptionsAreRefused() {
        assertThat(run("--case", "2560x2560").err).contains("must look like 2560x6912x1");
        assertThat(run("--case", "2560x2600x1").err).contains("multiple of 8");
        assertThat(run("--rounds", "0").code).isEqualTo(2);
        assertThat(run("--format", "Q9").code).isEqualTo(2);
    }

    @Test
    void ourSidePassesTheCheckAndAWrongResultDoesNot() {
        try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults().withThreads(2));
                Problem problem = new Problem(Problem.Shape.parse("72x512x3:cold"));
                TernaryProduct product = new TernaryProduct(backend, problem, 50_000);
                Arena arena = Arena.ofConfined()) {
            product.on(backend).call(17);
            MemorySegment y = arena.allocate(3 * 72 * Float.BYTES, 4);
            Problem.Weights exact = (i, weight) -> weight;
            assertThatThrownBy(() -> problem.check(y, exact)).isInstanceOf(WrongResultException.class);
            y.fill((byte) -1);
            assertThatThrownBy(() -> problem.check(y, exact)).isInstanceOf(WrongResultException.class).hasMessageContaining("Infinity");
        }
    }

    @Test
    void everyBlockOfActivationsReachesTheLargestCode() {
        try (Problem problem = new Problem(Problem.Shape.parse("8x512x2"))) {
            float[] x = problem.x().toArray(ValueLayout.JAVA_FLOAT);
            for (int block = 0; block < x.length; block += 32) {
                int from = block;
                assertThat(IntStream.range(0, 32).mapToDouble(i -> Math.abs(x[from + i])).max()).hasValue(127);
            }
            assertThat(x).doesNotContain(0.5f);
        }
    }

    @Test
    void ourProductOfBlocksPassesTheCheckAndOneOfOtherWeightsDoesNot() {
        try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults().withThreads(2));
                Problem problem = new Problem(Problem.Shape.parse("72x512x3:cold"));
                Arena arena = Arena.ofConfined()) {
            MemorySegment blocks = arena.allocate(72 * 512 / 32 * 34);
            for (long block = 0; block < 72 * 512 / 32; block++) {
                blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, 34 * block, Float.floatToFloat16(Problem.GAMMA));
                MemorySegment.copy(problem.codes(), 32 * block, blocks, 34 * block + 2, 32);
            }
            try (BlockProduct product = new BlockProduct(backend, problem, BlockFormat.Q8_0, blocks, (i, exact) -> exact, 100_000)) {
                product.on(backend).call(5);
            }
            Problem.Weights others = (i, exact) -> exact + (i == 511 ? 1 : 0);
            try (BlockProduct product = new BlockProduct(backend, problem, BlockFormat.Q8_0, blocks, others, 100_000)) {
                assertThatThrownBy(() -> product.on(backend)).isInstanceOf(WrongResultException.class);
            }
        }
    }

    @Test
    void tl2HoldsIndicesAndSignsWhereItsKernelsReadThem() {
        try (Arena arena = Arena.ofConfined()) {
            long m = 256;
            long k = 128; // one block of 96 in threes, one of 32 in twos
            MemorySegment codes = arena.allocate(m * k);
            MemorySegment packed = arena.allocate(Tl2Packing.stride(m, k), 64);
            codes.set(ValueLayout.JAVA_BYTE, 9 * k + 15, (byte) 1); // row 9, group 5 of threes: 9
            codes.set(ValueLayout.JAVA_BYTE, (128 + 40) * k + 95, (byte) -1); // second tile, group 31: -1
            codes.set(ValueLayout.JAVA_BYTE, 2 * k + 96 + 30, (byte) 1); // row 2, group 15 of twos: 3
            Tl2Packing.pack(codes, m, k, 0.5f, packed);
            long signs = m * 96 / 6;
            long twos = signs + m * 96 / 24;
            assertThat(packed.get(ValueLayout.JAVA_BYTE, 2 * 32 + 17)).isEqualTo((byte) 9);
            assertThat(packed.get(ValueLayout.JAVA_BYTE, (4 + 1) * 512 + 15 * 32 + 16)).isEqualTo((byte) 1);
            assertThat(packed.get(ValueLayout.JAVA_SHORT_UNALIGNED, signs + ((4 + 1) * 4 + 3) * 32 + 8 * 2)).isEqualTo((short) 2);
            assertThat(packed.get(ValueLayout.JAVA_BYTE, twos + 7 * 32 + 2)).isEqualTo((byte) (4 << 4 | 7));
            assertThat(packed.get(ValueLayout.JAVA_BYTE, twos + 6 * 32 + 2)).isEqualTo((byte) (4 << 4 | 4));
            assertThat(packed.get(ValueLayout.JAVA_FLOAT, m * k / 4)).isEqualTo(0.5f);
        }
    }

    @Test
    void sidesAreTimedInTurn() {
        List<String> calls = new ArrayList<>();
        List<Integer> indices = new ArrayList<>();
        Duel duel = Duel.between(index -> {
            calls.add("ours");
            indices.add(index);
            spin(100_000);
        }, index -> {
            calls.add("peer");
            spin(400_000);
        }, 3, 0.002);
        assertThat(duel.bestRatio()).isBetween(2.0, 8.0);
        assertThat(duel.ratios()).hasSize(3).isSorted();
        assertThat(duel.lowerQuartile()).isLessThanOrEqualTo(duel.ratio());
        assertThat(duel.upperQuartile()).isGreaterThanOrEqualTo(duel.ratio());
        long turns = IntStream.range(1, calls.size()).filter(i -> !calls.get(i).equals(calls.get(i - 1))).count();
        assertThat(turns).isEqualTo(5);
        assertThat(indices).containsExactlyElementsOf(IntStream.rangeClosed(1, indices.size()).boxed().toList());
    }

    private static void spin(long nanos) {
        long until = System.nanoTime() + nanos;
        while (System.nanoTime() < until) {
            Thread.onSpinWait();
        }
    }
}
