package org.setun.kernels;

import java.util.EnumSet;
import java.util.Set;
import org.setun.kernels.internal.NativeBindings;
import org.setun.kernels.internal.NativeCpu;

/** Processor features that kernels use ({@code setun/cpu.h}). */
public enum CpuFeature {
    /** AVX2, FMA and F16C. */
    AVX2, AVXVNNI,
    /** AVX-512 F, BW, DQ and VL. */
    AVX512, AVX512_VNNI, AVX512_VBMI, AVX512_BF16, AMX_INT8, AMX_BF16, NEON, NEON_DOT, NEON_I8MM;

    /** The bit of {@code SETUN_CPU_*}. */
    public long bit() {
        return 1L << ordinal();
    }

    /**
     * What the processor has and the operating system has enabled.
     *
     * @throws NativeLibraryException if the native library cannot be loaded
     */
    public static Set<CpuFeature> usable() {
        NativeBindings.load();
        return ofBits(NativeCpu.features());
    }

    /**
     * What the processor has but the operating system has not enabled.
     *
     * @throws NativeLibraryException if the native library cannot be loaded
     */
    public static Set<CpuFeature> disabled() {
        NativeBindings.load();
        return ofBits(NativeCpu.disabledFeatures());
    }

    private static Set<CpuFeature> ofBits(long bits) {
        EnumSet<CpuFeature> features = EnumSet.noneOf(CpuFeature.class);
        for (CpuFeature feature : values()) {
            if ((bits & feature.bit()) != 0) {
                features.add(feature);
            }
        }
        return features;
    }
}
