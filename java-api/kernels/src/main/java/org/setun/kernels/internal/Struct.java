package org.setun.kernels.internal;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A C struct: fields at their natural alignment, the size a multiple of the largest. */
final class Struct {

    private final StructLayout layout;
    private final long bytes; // of the layout, at hand where every call looks
    private final @Nullable Class<?>[] carriers; // at each multiple of 4 bytes, the type of the field that starts there
    private final long end;

    Struct(String name, ValueLayout... fields) {
        List<MemoryLayout> members = new ArrayList<>();
        long position = 0;
        long alignment = 1;
        for (ValueLayout field : fields) {
            long start = aligned(position, field.byteAlignment());
            if (start > position) {
                members.add(MemoryLayout.paddingLayout(start - position));
            }
            members.add(field);
            position = start + field.byteSize();
            alignment = Math.max(alignment, field.byteAlignment());
        }
        end = position;
        long size = aligned(position, alignment);
        if (size > Arguments.MOST_BYTES) {
            throw new IllegalArgumentException(name + " has " + size + " bytes; at most " + Arguments.MOST_BYTES + " are provided for");
        }
        if (size > position) {
            members.add(MemoryLayout.paddingLayout(size - position));
        }
        bytes = size;
        layout = MemoryLayout.structLayout(members.toArray(MemoryLayout[]::new)).withName(name);
        carriers = new @Nullable Class<?>[(int) (size / 4)];
        position = 0;
        for (MemoryLayout member : members) {
            if (member instanceof ValueLayout field) {
                carriers[(int) (position / 4)] = field.carrier();
            }
            position += member.byteSize();
        }
    }

    StructLayout layout() {
        return layout;
    }

    long byteSize() {
        return bytes;
    }

    /** Where the last field ends. */
    long end() {
        return end;
    }

    boolean hasField(long offset, ValueLayout type) {
        return offset < end && carriers[(int) (offset / 4)] == type.carrier();
    }

    static long aligned(long position, long alignment) {
        return (position + alignment - 1) & -alignment;
    }

    @Override
    public String toString() {
        return layout.toString();
    }
}
