package org.setun.kernels.internal;

import org.jspecify.annotations.Nullable;

/**
 * Free blocks by size class: "two-level segregated fit" (Masmano et al., ECRTS 2004). The first level is the power of two, the second
 * cuts it into sixteen; two levels of bit maps find the smallest class that surely fits in constant time. Neighbours are merged at once
 * when freed, so that no two free blocks ever touch and long runs do not fragment. Not thread-safe.
 */
public final class FreeLists {

    private static final int SUB_BITS = 4;
    private static final int SUBS = 1 << SUB_BITS;
    private static final int LEVELS = 56;

    private final @Nullable Block[] heads = new @Nullable Block[LEVELS * SUBS];
    private final int[] subMaps = new int[LEVELS];
    private long levelMap;
    private long freeBytes;

    /** Sum of the free blocks. */
    public long freeBytes() {
        return freeBytes;
    }

    /** The largest free block's size, 0 if none. */
    public long largest() {
        if (levelMap == 0) {
            return 0;
        }
        int level = 63 - Long.numberOfLeadingZeros(levelMap);
        int sub = 31 - Integer.numberOfLeadingZeros(subMaps[level]);
        long largest = 0;
        for (Block b = heads[level * SUBS + sub]; b != null; b = b.nextFree) {
            largest = Math.max(largest, b.bytes);
        }
        return largest;
    }

    /** Takes a block of exactly {@code bytes} (a multiple of {@link Block#UNIT}) out of the lists, or returns null if none is large enough. */
    public @Nullable Block take(long bytes) {
        Block block = firstFit(bytes);
        if (block == null) {
            return null;
        }
        unlink(block);
        block.free = false;
        if (block.bytes > bytes) {
            link(block.split(bytes));
        }
        return block;
    }

    /** Adds a free or no longer used block and merges it with free neighbours; returns the block that now covers it. */
    public Block give(Block block) {
        block.free = true;
        Block next = block.after;
        if (next != null && next.free) {
            unlink(next);
            block.absorbAfter();
        }
        Block previous = block.before;
        if (previous != null && previous.free) {
            unlink(previous);
            previous.absorbAfter();
            block = previous;
        }
        link(block);
        return block;
    }

    /** Takes a free block out for good, because its slab goes. */
    public void remove(Block block) {
        unlink(block);
    }

    private @Nullable Block firstFit(long bytes) {
        int sure = classOf(roundUp(bytes / Block.UNIT));
        int level = sure >>> SUB_BITS;
        int subs = subMaps[level] & (-1 << (sure & (SUBS - 1)));
        if (subs == 0) {
            long levels = levelMap & (-1L << (level + 1));
            if (levels == 0) {
                return fitInOwnClass(bytes);
            }
            level = Long.numberOfTrailingZeros(levels);
            subs = subMaps[level];
        }
        return heads[level * SUBS + Integer.numberOfTrailingZeros(subs)];
    }

    /** The class of {@code bytes} itself may hold blocks that are a little smaller; only when all larger classes are empty is it searched. */
    private @Nullable Block fitInOwnClass(long bytes) {
        for (Block b = heads[classOf(bytes / Block.UNIT)]; b != null; b = b.nextFree) {
            if (b.bytes >= bytes) {
                return b;
            }
        }
        return null;
    }

    private void link(Block block) {
        int index = classOf(block.bytes / Block.UNIT);
        Block head = heads[index];
        block.previousFree = null;
        block.nextFree = head;
        if (head != null) {
            head.previousFree = block;
        }
        heads[index] = block;
        subMaps[index >>> SUB_BITS] |= 1 << (index & (SUBS - 1));
        levelMap |= 1L << (index >>> SUB_BITS);
        freeBytes += block.bytes;
    }

    private void unlink(Block block) {
        int index = classOf(block.bytes / Block.UNIT);
        if (block.nextFree != null) {
            block.nextFree.previousFree = block.previousFree;
        }
        if (block.previousFree != null) {
            block.previousFree.nextFree = block.nextFree;
        } else {
            heads[index] = block.nextFree;
            if (block.nextFree == null) {
                int level = index >>> SUB_BITS;
                subMaps[level] &= ~(1 << (index & (SUBS - 1)));
                if (subMaps[level] == 0) {
                    levelMap &= ~(1L << level);
                }
            }
        }
        block.previousFree = null;
        block.nextFree = null;
        freeBytes -= block.bytes;
    }

    /** Level 0 holds 1 to 15 units, one class each; level i > 0 holds 2^(i+3) units and up in sixteen steps. */
    private static int classOf(long units) {
        int log = 63 - Long.numberOfLeadingZeros(units);
        return log < SUB_BITS ? (int) units : (log - SUB_BITS + 1) * SUBS + (int) (units >>> (log - SUB_BITS)) - SUBS;
    }

    /** The smallest size from which on every block of its class is at least {@code units}. */
    private static long roundUp(long units) {
        int log = 63 - Long.numberOfLeadingZeros(units);
        return log < SUB_BITS ? units : units + (1L << (log - SUB_BITS)) - 1;
    }
}
