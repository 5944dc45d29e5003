package org.setun.cli.doctor;

import java.util.List;
import java.util.stream.Stream;

/** The self-tests of {@code setun doctor}: every operation of a backend, on shapes that hit full blocks and remainders. */
public final class SelfTests {

    /** Rows, columns of the weights, and activation rows: none is a multiple of a vector. */
    static final int M = 67;
    static final int K = 777;
    static final int N = 5;

    private SelfTests() {
    }

    /** All self-tests. */
    public static List<SelfTest> all() {
        return Stream
                .of(TernaryTests.all(), BlockTests.all(), GemmTests.all(), NetworkTests.all(), ActivationTests.all(), OptimizerTests.all(),
                        PiTests.all(), HadamardTests.all(), FakeQuantTests.all())
                .flatMap(List::stream).toList();
    }
}
