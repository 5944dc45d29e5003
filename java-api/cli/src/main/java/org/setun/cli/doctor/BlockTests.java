package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.BlockOps;

import static org.setun.cli.doctor.Operands.byteValues;
import static org.setun.cli.doctor.Operands.intValues;
import static org.setun.cli.doctor.Operands.join;
import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;
import static org.setun.cli.doctor.SelfTests.M;
import static org.setun.cli.doctor.SelfTests.N;

/** Self-tests of {@link BlockOps}: activations in blocks, packed weights and products. */
final class BlockTests {

    private static final int COLUMNS = 768;
    private static final int HALF_ONE = 0x3c00; // of f16: scales of a few random low bits above 1
    private static final int HALF_BITS = 0x3ff;

    private BlockTests() {
    }

    static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        tests.add(SelfTest.exact("int8 activations in blocks", (b, o) -> {
            Activations x = new Activations(o, N, K);
            b.quantizeBlocks(o.gaussian((long) N * K), N, K, K, x.q, x.step, x.sum);
            return join(byteValues(x.q), values(x.step), intValues(x.sum));
        }));
        for (BlockFormat format : BlockFormat.values()) {
            tests.add(SelfTest.exact("pack, expand " + format, (b, o) -> {
                MemorySegment packed = packed(b, o, format);
                MemorySegment out = o.floats((long) M * COLUMNS);
                b.blockExpand(format, packed, M, COLUMNS, 0, M, out);
                return join(byteValues(packed), values(out));
            }));
            tests.add(SelfTest.exact(format + " x int8 GEMM", (b, o) -> gemm(b, o, format, N)));
            tests.add(SelfTest.exact(format + " x int8 GEMV", (b, o) -> gemm(b, o, format, 1)));
            tests.add(SelfTest.close(format + " x fp32 GEMM", (b, o) -> {
                MemorySegment y = o.floats((long) N * M);
                b.blockGemmF32(format, packed(b, o, format), M, COLUMNS, o.gaussian((long) N * COLUMNS), N, COLUMNS, null, y, M);
                return values(y);
            }));
        }
        return tests;
    }

    private record Activations(MemorySegment q, MemorySegment step, MemorySegment sum) {
        Activations(Operands o, long n, long k) {
            this(o.bytes(n * BlockOps.blocks(k) * BlockOps.BLOCK), o.floats(n * BlockOps.blocks(k)),
                    o.ints(n * BlockOps.blocks(k) * BlockOps.BLOCK_SUMS));
        }
    }

    private static float[] gemm(BlockOps b, Operands o, BlockFormat format, int n) {
        Activations x = new Activations(o, n, COLUMNS);
        MemorySegment y = o.floats((long) n * M);
        b.quantizeBlocks(o.gaussian((long) n * COLUMNS), n, COLUMNS, COLUMNS, x.q, x.step, x.sum);
        b.blockGemm(format, packed(b, o, format), M, COLUMNS, x.q, x.step, x.sum, n, o.gaussian(M), null, y, M);
        return values(y);
    }

    /** Random codes; wherever a format keeps a float scale, it is one between 1 and 2, since all 16-bit words are. */
    private static MemorySegment packed(BlockOps b, Operands o, BlockFormat format) {
        MemorySegment data = o.bytes(format.bytes(M, COLUMNS));
        MemorySegment words = o.integers(data.byteSize() / Short.BYTES, HALF_BITS);
        for (long i = 0; i < words.byteSize() / Integer.BYTES; i++) {
            data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (HALF_ONE + words.getAtIndex(ValueLayout.JAVA_INT, i)));
        }
        MemorySegment packed = o.bytes(format.packedBytes(M, COLUMNS));
        b.blockPack(format, 0, data, M, COLUMNS, packed);
        return packed;
    }
}
