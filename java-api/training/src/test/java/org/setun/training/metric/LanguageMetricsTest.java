package org.setun.training.metric;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

class LanguageMetricsTest {

    @Test
    void aUniformModelOverSixteenTokensOfTwoBytesHasPerplexity16And2BitsPerByte() {
        double nats = 10 * Math.log(16);
        assertThat(LanguageMetrics.perplexity(nats, 10)).isEqualTo(16, within(1e-12));
        assertThat(LanguageMetrics.bitsPerByte(nats, 20)).isEqualTo(2, within(1e-12));
    }

    @Test
    void accuracyIsAShare() {
        assertThat(LanguageMetrics.accuracy(3, 4)).isEqualTo(0.75);
        assertThatIllegalArgumentException().isThrownBy(() -> LanguageMetrics.accuracy(5, 4)).withMessageContaining("right: 5");
        assertThatIllegalArgumentException().isThrownBy(() -> LanguageMetrics.perplexity(1, 0)).withMessageContaining("tokens: 0");
    }
}
