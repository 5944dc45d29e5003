package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.setun.kernels.internal.ArenaSlabs;

import static org.assertj.core.api.Assertions.assertThat;

/** Random allocations, marks and releases against a list. */
class WorkspaceProperties {

    /** 0 marks, 1 releases the last mark, more allocates that many bytes; buffers keep their contents and die exactly when they must. */
    @Property(tries = 300)
    void behavesLikeAStack(@ForAll @Size(max = 120) List<@IntRange(min = 0, max = 900) Integer> actions) {
        try (ArenaSlabs slabs = new ArenaSlabs(); Workspace workspace = new Workspace(slabs, 2048)) {
            List<Buffer> live = new ArrayList<>();
            Deque<long[]> marks = new ArrayDeque<>();
            for (int action : actions) {
                if (action % 10 == 0) {
                    marks.push(new long[]{workspace.mark(), live.size()});
                } else if (action % 10 == 1 && !marks.isEmpty()) {
                    long[] mark = marks.pop();
                    workspace.release(mark[0]);
                    List<Buffer> dead = live.subList((int) mark[1], live.size());
                    assertThat(dead).noneMatch(Buffer::isAlive);
                    dead.clear();
                } else {
                    Buffer b = workspace.allocate(action);
                    b.segment().fill((byte) live.size());
                    live.add(b);
                }
            }
            for (int i = 0; i < live.size(); i++) {
                MemorySegment s = live.get(i).segment();
                for (long j = 0; j < s.byteSize(); j++) {
                    assertThat(s.get(ValueLayout.JAVA_BYTE, j)).isEqualTo((byte) i);
                }
            }
        }
    }
}
