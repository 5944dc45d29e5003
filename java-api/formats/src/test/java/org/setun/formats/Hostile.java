package org.setun.formats;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Consumer;

import static org.assertj.core.api.Assertions.fail;

/** Damages a valid file in many ways and demands that the parser either accepts the result or throws {@link FormatException}. */
public final class Hostile {

    private static final long[] NASTY = {0, 1, -1, 0x7F, 0xFF, 0x7FFF_FFFFL, 0xFFFF_FFFFL, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE,
            1L << 40};

    private Hostile() {
    }

    /** One random damage of {@code valid}: cut, flipped bits, a nasty number somewhere, random bytes, or a doubled piece. */
    public static byte[] damage(byte[] valid, Random random) {
        byte[] bytes = valid.clone();
        int at = random.nextInt(bytes.length);
        switch (random.nextInt(5)) {
            case 0 -> bytes = java.util.Arrays.copyOf(bytes, at);
            case 1 -> {
                for (int i = random.nextInt(4); i >= 0; i--) {
                    bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
            case 2 -> {
                long nasty = NASTY[random.nextInt(NASTY.length)];
                int width = random.nextBoolean() ? 4 : 8;
                for (int i = 0; i < width && at + i < bytes.length; i++) {
                    bytes[at + i] = (byte) (nasty >>> 8 * i);
                }
            }
            case 3 -> {
                for (int i = 0; i < 16 && at + i < bytes.length; i++) {
                    bytes[at + i] = (byte) random.nextInt();
                }
            }
            default -> {
                int length = random.nextInt(Math.min(64, bytes.length - at)) + 1;
                byte[] longer = java.util.Arrays.copyOf(bytes, bytes.length + length);
                System.arraycopy(bytes, at, longer, at + length, bytes.length - at);
                bytes = longer;
            }
        }
        return bytes;
    }

    /** Runs {@code parser}, which must return or throw {@link FormatException}. */
    public static void check(byte[] bytes, Consumer<MemorySegment> parser) {
        try {
            parser.accept(MemorySegment.ofArray(bytes));
        } catch (FormatException expected) {
            // refused with a message: fine
        } catch (Throwable wrong) {
            fail("a damaged file must give FormatException, not " + wrong, wrong);
        }
    }
}
