package org.setun.quant.calibration;

import java.util.EnumSet;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.setun.quant.calibration.CalibrationDomain.CODE;
import static org.setun.quant.calibration.CalibrationDomain.LANGUAGE;
import static org.setun.quant.calibration.CalibrationDomain.MATH;
import static org.setun.quant.calibration.CalibrationDomain.REASONING;
import static org.setun.quant.calibration.CalibrationDomain.TOOL_USE;

class CalibrationConfigTest {

    @Test
    void thereAreFiveDomainsWithTheirCounts() {
        assertThat(CalibrationConfig.defaults().samples())
                .isEqualTo(Map.of(MATH, 2048, CODE, 1024, LANGUAGE, 4096, REASONING, 2048, TOOL_USE, 1024));
        assertThat(CalibrationDomain.of("Tool-Use")).isEqualTo(TOOL_USE);
        assertThatThrownBy(() -> CalibrationDomain.of("poetry")).hasMessageContaining("math, code, language, reasoning, tool-use");
    }

    @Test
    void anotherTotalIsSharedInProportion() {
        CalibrationConfig config = CalibrationConfig.defaults();
        EnumSet<CalibrationDomain> all = EnumSet.allOf(CalibrationDomain.class);
        assertThat(config.withSamples(10_000, all).samples())
                .isEqualTo(Map.of(MATH, 2000, CODE, 1000, LANGUAGE, 4000, REASONING, 2000, TOOL_USE, 1000));
        assertThat(config.withSamples(10, EnumSet.of(CODE, LANGUAGE)).samples()).isEqualTo(Map.of(CODE, 2, LANGUAGE, 8));
        for (int total = 10; total < 60; total++) {
            assertThat(config.withSamples(total, all).samples().values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(total);
        }
        assertThatThrownBy(() -> config.withSamples(4, all)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("5 domains");
    }

    @Test
    void whatCannotWorkIsRefused() {
        CalibrationConfig d = CalibrationConfig.defaults();
        assertThatThrownBy(() -> new CalibrationConfig(d.samples(), 1, 0, FisherLabels.NONE, false, 1)).hasMessageContaining("context = 1");
        assertThatThrownBy(() -> new CalibrationConfig(Map.of(MATH, 0), 2, 0, FisherLabels.NONE, false, 1))
                .hasMessageContaining("math = 0");
        assertThatThrownBy(() -> new CalibrationConfig(d.samples(), 2, 0, FisherLabels.NONE, true, 0)).hasMessageContaining("hessianBytes");
    }
}
