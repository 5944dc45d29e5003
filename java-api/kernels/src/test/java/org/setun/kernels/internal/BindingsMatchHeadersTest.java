package org.setun.kernels.internal;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Activation;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.CpuFeature;
import org.setun.kernels.GemmOps;
import org.setun.kernels.Isa;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.MemoryWalk;
import org.setun.kernels.NnOps;
import org.setun.kernels.OptimOps;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.PiScaling;
import org.setun.kernels.TernaryFormat;

import static org.assertj.core.api.Assertions.assertThat;

/** Every function, struct and constant of the C headers has its binding, with the same types, and no binding is without its declaration. */
class BindingsMatchHeadersTest {

    private static CHeaders headers;

    @BeforeAll
    static void read() {
        headers = new CHeaders(Path.of(System.getProperty("setun.root"), "native", "include", "setun"));
        NativeBindings.load();
    }

    @Test
    void functions() {
        Map<String, String> bound = new TreeMap<>();
        Downcalls.functions().forEach((name, descriptor) -> bound.put(name, text(descriptor)));
        Map<String, String> declared = new TreeMap<>();
        headers.functions.forEach((name, descriptor) -> declared.put(name, text(descriptor)));
        assertThat(bound).containsExactlyInAnyOrderEntriesOf(declared);
        assertThat(declared).hasSizeGreaterThan(40);
    }

    @Test
    void structs() {
        assertThat(Downcalls.structs().keySet()).isEqualTo(headers.structs.keySet());
        headers.structs.forEach((name, declared) -> {
            StructLayout layout = Downcalls.structs().get(name);
            List<CHeaders.Field> fields = new ArrayList<>();
            long offset = 0;
            for (MemoryLayout member : layout.memberLayouts()) {
                if (!(member instanceof PaddingLayout)) {
                    fields.add(
                            new CHeaders.Field(member.name().orElseThrow(), (java.lang.foreign.ValueLayout) member.withoutName(), offset));
                }
                offset += member.byteSize();
            }
            assertThat(fields).as(name).isEqualTo(declared.fields());
            assertThat(layout.byteSize()).as(name).isEqualTo(declared.size());
        });
    }

    @Test
    void constants() {
        Map<String, Long> java = new TreeMap<>();
        java.put("SETUN_ABI_VERSION", (long) LibraryLoader.ABI_VERSION);
        for (Isa isa : Isa.values()) {
            java.put("SETUN_ISA_" + isa.name(), (long) isa.code());
        }
        for (CpuFeature feature : CpuFeature.values()) {
            java.put("SETUN_CPU_" + feature.name(), feature.bit());
        }
        for (MachineLimit limit : MachineLimit.values()) {
            java.put("SETUN_LIMIT_" + limit.name(), (long) limit.code());
        }
        for (MemoryWalk walk : MemoryWalk.values()) {
            java.put("SETUN_WALK_" + walk.name(), (long) walk.code());
        }
        for (GemmOps.Element element : GemmOps.Element.values()) {
            java.put("SETUN_" + element.name(), (long) element.ordinal());
        }
        for (TernaryFormat format : TernaryFormat.values()) {
            java.put("SETUN_TERNARY_" + format.name(), (long) format.code());
        }
        for (PackedLayout layout : PackedLayout.values()) {
            java.put("SETUN_TERNARY_LAYOUT_" + layout.name(), (long) layout.code());
        }
        for (NnOps.Rope rope : NnOps.Rope.values()) {
            java.put("SETUN_ROPE_" + rope.name(), (long) rope.ordinal());
        }
        for (Activation activation : Activation.values()) {
            java.put("SETUN_ACTIVATION_" + activation.name(), (long) activation.code());
        }
        for (BlockFormat format : BlockFormat.values()) {
            java.put("SETUN_BLOCK_" + format.name(), (long) format.code());
        }
        java.put("SETUN_CODE_FREE", (long) OptimOps.CODE_FREE);
        java.put("SETUN_ADAMW8_BLOCK", (long) OptimOps.ADAMW8_BLOCK);
        for (PiScaling.Base base : PiScaling.Base.values()) {
            java.put("SETUN_PI_" + base.name(), (long) base.code());
        }
        for (NnOps.Precision precision : NnOps.Precision.values()) {
            java.put("SETUN_PRECISION_" + precision.name(), (long) precision.ordinal());
        }
        for (NnOps.Divergence divergence : NnOps.Divergence.values()) {
            java.put("SETUN_DIVERGENCE_" + divergence.name(), (long) divergence.ordinal());
        }
        for (NnOps.Glu glu : NnOps.Glu.values()) {
            java.put("SETUN_GLU_" + glu.name(), (long) glu.ordinal());
        }
        String[] statuses = {"OK", "INVALID_ARGUMENT", "OUT_OF_MEMORY", "UNSUPPORTED", "INTERNAL"};
        for (int i = 0; i < statuses.length; i++) {
            java.put("SETUN_" + statuses[i], (long) i);
        }
        assertThat(java).containsExactlyInAnyOrderEntriesOf(headers.constants);
    }

    @Test
    void sizesOfTernaryMatrices() {
        for (long k : new long[]{0, 1, 255, 256, 257, 4096, 16_000_000}) {
            assertThat(NativeTernary.nativePaddedK(k)).isEqualTo(org.setun.kernels.TernaryOps.paddedK(k));
            for (long m : new long[]{0, 1, 3, 4, 5, 4096}) {
                assertThat(NativeTernary.nativePackedBytes(m, k)).isEqualTo(org.setun.kernels.TernaryOps.packedBytes(m, k));
                assertThat(NativeTernary.nativeDenseBytes(m, k)).isEqualTo(PackedLayout.DENSE.bytes(m, k));
                for (TernaryFormat format : TernaryFormat.values()) {
                    long expected;
                    try {
                        expected = format.bytes(m, k);
                    } catch (IllegalArgumentException e) {
                        expected = -1;
                    }
                    assertThat(NativeTernary.nativeFormatBytes(format, m, k)).as("%s %d x %d", format, m, k).isEqualTo(expected);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void sizesOfBlocks(BlockFormat format) {
        for (long k : new long[]{0, 31, 32, 64, 224, 256, 288, 512, 4096, 16_000_000}) {
            for (long m : new long[]{0, 1, 15, 16, 17, 4096}) {
                boolean allowed = k % format.blockValues() == 0;
                assertThat(NativeBlock.bytes(format, m, k)).isEqualTo(allowed ? format.bytes(m, k) : -1);
                assertThat(NativeBlock.packedBytes(format, m, k)).isEqualTo(allowed ? format.packedBytes(m, k) : -1);
            }
        }
    }

    @Test
    void labelsOfTiersAreNames() {
        assertThat(Set.of(Isa.values()).stream().map(Isa::label).collect(Collectors.toSet()))
                .isEqualTo(Set.of(Isa.values()).stream().map(i -> i.name().toLowerCase(Locale.ROOT)).collect(Collectors.toSet()));
    }

    private static String text(FunctionDescriptor descriptor) {
        return descriptor.returnLayout().orElseThrow() + " " + descriptor.argumentLayouts();
    }
}
