package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;

import static org.setun.cli.doctor.Operands.byteValues;
import static org.setun.cli.doctor.Operands.join;
import static org.setun.cli.doctor.Operands.values;

/** Self-tests of the pi formats ({@link org.setun.kernels.PiOps}). */
final class PiTests {

    private static final long ROWS = 3;
    private static final long COLUMNS = 5 * PiGrid.BLOCK;
    private static final PiGrid[] GRIDS = {PiGrid.uniform(2), PiGrid.uniform(3), PiGrid.tangent(2, 8), PiGrid.tangent(3, 14)};

    private PiTests() {
    }

    static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        for (PiGrid grid : GRIDS) {
            String name = (grid.isUniform() ? "pi-q" : "pi-tan") + grid.bits();
            tests.add(SelfTest.exact(name + " quantize + dequantize", (b, o) -> {
                MemorySegment blocks = o.bytes(ROWS * COLUMNS / PiGrid.BLOCK * grid.blockBytes());
                MemorySegment y = o.floats(ROWS * COLUMNS);
                float outermost = 1f / -grid.level(0);
                PiScaling search = new PiScaling(PiScaling.Base.ABSMAX, true, outermost, 0.9f * outermost, 0.8f * outermost,
                        0.7f * outermost, 0.6f * outermost);
                b.piQuantize(grid, search, o.gaussian(ROWS * COLUMNS), ROWS, COLUMNS, COLUMNS, null, 0, blocks);
                b.piDequantize(grid, blocks, ROWS, COLUMNS, y, COLUMNS);
                return join(byteValues(blocks), values(y));
            }));
        }
        return tests;
    }
}
