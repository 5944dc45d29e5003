package org.setun.kernels;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Kernel tiers ({@code setun/cpu.h}), in rising order within an architecture. */
public enum Isa {
    PORTABLE(0, "portable"), AVX2(1, "avx2"), AVXVNNI(2, "avxvnni"), AVX512(3, "avx512"), AVX512BF16(4, "avx512bf16"), AMX(5,
            "amx"), NEON_DOT(11,
                    "neon_dot"), NEON_I8MM(12, "neon_i8mm");

    private final int code;
    private final String label;

    Isa(int code, String label) {
        this.code = code;
        this.label = label;
    }

    /** The value of {@code setun_isa}. */
    public int code() {
        return code;
    }

    /** The name used in {@code SETUN_ISA} and {@code -Dsetun.isa}. */
    public String label() {
        return label;
    }

    /** The tier of a native code. */
    public static Isa ofCode(int code) {
        for (Isa isa : values()) {
            if (isa.code == code) {
                return isa;
            }
        }
        throw new IllegalArgumentException("isa code " + code + " is unknown");
    }

    /** The tier of a label. */
    public static Isa ofLabel(String label) {
        for (Isa isa : values()) {
            if (isa.label.equals(label)) {
                return isa;
            }
        }
        throw new IllegalArgumentException("isa = " + label + " must be one of "
                + Arrays.stream(values()).map(Isa::label).collect(Collectors.joining(", ")));
    }
}
