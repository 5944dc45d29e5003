package org.setun.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.cli.bench.Figure.Unit;
import org.setun.cli.bench.Figure.Verdict;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.Isa;
import org.setun.kernels.NativeBackend;
import org.w3c.dom.Document;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

class BenchTest {

    private static final Limits LIMITS = new Limits(1, "avx512", 236, 59, 59, 30, 40, Map.of("read_near", 30.0, "copy_cached", 40.0));

    private static Row row(int n, double gmacS, double peakShare, double gbS, double ceilingGbS) {
        return new Row("ternary_gemm", "planes2", 2560, 2560, n, 1, "avx512", false, 1.6, 40, gmacS, gbS, 4.0 * n, 236, ceilingGbS,
                ceilingGbS,
                "read_near", peakShare, gbS / ceilingGbS, "exact");
    }

    @Test
    void shapes() {
        assertThat(Shape.parse("2560x6912")).isEqualTo(new Shape(2560, 6912)).hasToString("2560x6912");
        for (String wrong : List.of("2560", "x3", "3x", "-1x4", "0x4", "4x0", "12345678x1", "4 x 4")) {
            assertThatIllegalArgumentException().as(wrong).isThrownBy(() -> Shape.parse(wrong)).withMessageContaining("shape");
        }
    }

    @Test
    void aPlanRefusesWhatCannotBeMeasured() {
        List<Shape> shapes = List.of(new Shape(7, 300));
        List<Integer> one = List.of(1);
        for (Isa isa : Isa.values()) {
            if (!NativeBackend.supports(isa)) {
                assertThatIllegalArgumentException().isThrownBy(() -> new KernelBench.Plan(List.of(), shapes, one, one, isa, 0, 1))
                        .withMessageContaining(isa.label()).withMessageContaining("portable");
            }
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new KernelBench.Plan(List.of("ternary_gem"), shapes, one, one, null, 0, 1))
                .withMessageContaining("ternary_gem'").withMessageContaining("ternary_gemm_f32");
        assertThatIllegalArgumentException().isThrownBy(() -> new KernelBench.Plan(List.of(), shapes, List.of(1, 0), one, null, 0, 1))
                .withMessageContaining("n = 0");
        assertThatIllegalArgumentException().isThrownBy(() -> new KernelBench.Plan(List.of(), shapes, one, List.of(-1), null, 0, 1))
                .withMessageContaining("threads = -1");
        assertThatIllegalArgumentException().isThrownBy(() -> new KernelBench.Plan(List.of(), shapes, one, one, null, -5, 1))
                .withMessageContaining("cold-mb");
        assertThatIllegalArgumentException().isThrownBy(() -> new KernelBench.Plan(List.of(), shapes, one, one, null, 0, 0))
                .withMessageContaining("seconds = 0");
    }

    @Test
    void aRowAboveALimitIsImpossible() {
        assertThat(row(1, 230, 0.97, 29, 30).impossible()).isEmpty();
        assertThat(row(1, 240, 1.02, 30.5, 30).impossible()).as("noise of the clock").isEmpty();
        assertThat(row(1, 250, 1.06, 29, 30).impossible()).hasValueSatisfying(
                why -> assertThat(why).contains("ternary_gemm 2560x2560 n=1").contains("106.0 % of the peak"));
        assertThat(row(1, 200, 0.8, 33, 30).impossible()).hasValueSatisfying(why -> assertThat(why).contains("110.0 % of the bandwidth"));
        assertThat(row(1, 200, Double.NaN, 29, Double.NaN).impossible()).as("no limit, no share").isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"7x300", "33x513"})
    void everyKernelPassesItsCheckHotAndCold(String shape) {
        try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults().withThreads(2))) {
            for (Kernel kernel : Kernels.ALL) {
                for (int n : kernel.takes(1) ? new int[]{1, 3, 33} : new int[]{33, 130}) {
                    for (long set : new long[]{0, 1 << 20}) {
                        try (Operands operands = new Operands(backend)) {
                            Work work = kernel.prepare(operands, Shape.parse(shape), n, set);
                            work.call().accept(0);
                            work.call().accept(work.copies() + 1);
                            assertThat(work.traffic().bytes()).as(kernel.name()).isPositive();
                            assertThat(work.copies() > 1 ? work.set().byteSize() : set).as(kernel.name()).isGreaterThanOrEqualTo(
                                    work.copies() > 1 ? set : 0);
                        }
                    }
                }
            }
        }
        assertThat(Kernels.names()).doesNotHaveDuplicates().contains("ternary_gemm", "ternary_quantize_pack");
    }

    @Test
    void checkpointsAreMeasuredAndLeaveNothing(@TempDir Path folder) throws IOException {
        List<Figure> figures = new CheckpointBench(1_500_000, 2, folder, message -> {
        }).measure();
        assertThat(figures).hasSize(3).allSatisfy(figure -> assertThat(figure.measured()).isPositive());
        assertThat(figures.getFirst().name()).contains("1,500,000 parameters, 18 MB");
        assertThat(folder).isEmptyDirectory();
        assertThatIllegalArgumentException().isThrownBy(() -> new CheckpointBench(0, 1, folder, message -> {
        })).withMessageContaining("parameters = 0");
    }

    @Test
    void monitorsAreMeasured() throws IOException {
        assertThat(new MonitoringBench(20).measure()).singleElement().satisfies(figure -> {
            assertThat(figure.measured()).isBetween(0.1, 10.0);
            assertThat(figure.note()).contains("medians of 5 and 5");
        });
        assertThatIllegalArgumentException().isThrownBy(() -> new MonitoringBench(3)).withMessageContaining("steps = 3");
    }

    @Test
    void aWrongResultIsNotTimed() {
        assertThatIllegalStateException().isThrownBy(() -> Operands.require(false, "ternary_gemm 2x3"))
                .withMessageContaining("ternary_gemm 2x3")
                .withMessageContaining("nothing was timed");
        try (NativeBackend backend = NativeBackend.create(); Operands operands = new Operands(backend)) {
            assertThatIllegalStateException().isThrownBy(
                    () -> Bf16Check.require(operands, "wrong", 4, 4, 8, (row, at) -> 1, (at, column) -> 1, (row, column) -> 8.2, 2));
            Bf16Check.require(operands, "right", 4, 4, 8, (row, at) -> 1, (at, column) -> 1, (row, column) -> 8.02, 2);
        }
    }

    @Test
    void kernelsAreMeasuredBesideTheirLimits() {
        List<Row> told = new ArrayList<>();
        KernelBench bench = new KernelBench(
                new KernelBench.Plan(List.of("ternary_gemm", "ternary_quantize_pack"), List.of(new Shape(512, 1024)), List.of(1, 32),
                        List.of(1, 1), Isa.PORTABLE, 4_000_000, 0.02));
        List<Row> rows = bench.run(new KernelBench.Listener() {
            @Override
            public void limits(Limits limits) {
                assertThat(limits.tier()).isEqualTo("portable");
                assertThat(limits.int8GmacS()).isPositive();
                assertThat(limits.waysGbS()).hasSize(16).allSatisfy((way, rate) -> assertThat(rate).as(way).isPositive());
                assertThat(limits.readGbS()).isGreaterThanOrEqualTo(limits.waysGbS().get("read_plain"));
            }

            @Override
            public void row(Row row, int done, int total) {
                told.add(row);
                assertThat(done).isEqualTo(told.size());
                assertThat(total).isEqualTo(5);
            }
        });
        assertThat(rows).isEqualTo(told).extracting(Row::kernel, Row::n, Row::cold).containsExactly(
                org.assertj.core.groups.Tuple.tuple("ternary_gemm", 1L, false),
                org.assertj.core.groups.Tuple.tuple("ternary_gemm", 1L, true),
                org.assertj.core.groups.Tuple.tuple("ternary_gemm", 32L, false),
                org.assertj.core.groups.Tuple.tuple("ternary_quantize_pack", 0L, false),
                org.assertj.core.groups.Tuple.tuple("ternary_quantize_pack", 0L, true));
        assertThat(rows).allSatisfy(row -> {
            assertThat(row.usMedian()).isPositive();
            assertThat(row.bandwidthShare()).isFinite().isPositive();
        });
        assertThat(rows.get(1).workingSetMb()).isGreaterThanOrEqualTo(4);
    }

    @Test
    void whatJavaAddsIsADifference() {
        try (NativeBackend backend = NativeBackend.create(BackendOptions.defaults().withThreads(1));
                Operands operands = new Operands(backend)) {
            List<JavaOverhead.Result> results = new JavaOverhead(operands).measure(0.1);
            assertThat(results).hasSize(3);
            assertThat(results.getLast().micros()).isGreaterThan(results.getFirst().micros());
            assertThat(results).allSatisfy(result -> assertThat(result.addedNanos()).isFinite());
        }
    }

    @Test
    void verdicts() {
        assertThat(Figure.atLeast("x", 0.9, 0.95, 0.96, Unit.PERCENT, "").verdict()).isEqualTo(Verdict.AIM);
        assertThat(Figure.atLeast("x", 0.9, 0.95, 0.90, Unit.PERCENT, "").verdict()).isEqualTo(Verdict.MUST);
        assertThat(Figure.atLeast("x", 0.9, Double.NaN, 0.99, Unit.PERCENT, "").verdict()).isEqualTo(Verdict.MUST);
        assertThat(Figure.atLeast("x", 0.9, 0.95, 0.89, Unit.PERCENT, "").verdict()).isEqualTo(Verdict.MISSED);
        assertThat(Figure.atMost("x", 50, 10, 10, Unit.NANOS, "").verdict()).isEqualTo(Verdict.AIM);
        assertThat(Figure.atMost("x", 50, 10, 49, Unit.NANOS, "").verdict()).isEqualTo(Verdict.MUST);
        assertThat(Figure.atMost("x", 50, 10, 51, Unit.NANOS, "").verdict()).isEqualTo(Verdict.MISSED);
        assertThat(Figure.atLeast("x", Double.NaN, Double.NaN, 3, Unit.TIMES, "").verdict()).isEqualTo(Verdict.SHOWN);
        assertThat(Figure.notRun("x", 0.6, 0.7, Unit.PERCENT, "no AMX here").verdict()).as("never a pass").isEqualTo(Verdict.NOT_RUN);
    }

    @Test
    void theTableSaysMustAimMeasuredVerdict() {
        List<Figure> figures = List.of(Figure.atLeast("cold GEMV", 0.9, Double.NaN, 0.912, Unit.PERCENT, "28 of 31 GB/s"),
                Figure.atMost("call", 50, 10, 62, Unit.NANOS, ""), Figure.notRun("GEMM, amx", 0.6, 0.75, Unit.PERCENT, "no AMX here"));
        assertThat(FigureTable.markdown(figures).lines()).containsExactly("| case | must | aim | measured | verdict | |",
                "|---|---:|---:|---:|---|---|", "| cold GEMV | ≥ 90 % | – | 91 % | must reached | 28 of 31 GB/s |",
                "| call | ≤ 50 ns | ≤ 10 ns | 62 ns | missed |  |", "| GEMM, amx | ≥ 60 % | ≥ 75 % | – | not run | no AMX here |");
        assertThat(FigureTable.text(figures).lines()).hasSize(4).last().asString().contains("not run").endsWith("no AMX here");
    }

    @Test
    void theRooflineIsWellFormedAndHasEveryPoint(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("roofline.svg");
        Roofline.write(file, LIMITS, List.of(row(1, 110, 0.5, 28, 30), row(512, 200, 0.85, 0.1, 30)));
        Document svg = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file.toFile());
        assertThat(svg.getDocumentElement().getTagName()).isEqualTo("svg");
        assertThat(svg.getElementsByTagName("polyline").getLength()).as("roofs").isEqualTo(3);
        assertThat(svg.getElementsByTagName("circle").getLength()).as("points and legend").isEqualTo(3);
        assertThat(Files.readString(file)).contains(">N = 1<", ">N = 512<", "int8: 236 GMAC/s", "avx512, 1 thread");
        assertThat(Files.size(file)).isLessThan(20_000);
        assertThatIllegalArgumentException().isThrownBy(() -> Roofline.write(file, LIMITS, List.of()))
                .withMessageContaining("nothing to chart");
    }
}
