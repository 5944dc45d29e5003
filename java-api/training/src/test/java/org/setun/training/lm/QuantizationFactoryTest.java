package org.setun.training.lm;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.nn.Decoder;
import org.setun.nn.Linear;
import org.setun.nn.Quantization;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;

import static org.assertj.core.api.Assertions.assertThat;

/** Which layers round their weights and their inputs. */
class QuantizationFactoryTest {

    private static Quantization of(Decoder decoder, String name) {
        return decoder.linears().stream().filter(layer -> layer.weight().name().equals(name + ".weight")).map(Linear::quantization)
                .findFirst().orElseThrow();
    }

    private static Decoder decoder(MemoryPool pool, String... keys) {
        TrainingConfig config = ConfigReader.override(TrainingConfig.defaults(), List.of("model.dim=32", "model.heads=2",
                "model.kv_heads=1", "model.ffn=64", "model.layers=2"));
        return DecoderFactory.decoder(ConfigReader.override(config, List.of(keys)), 64, pool, 1);
    }

    /** The file has such a layer in F16, whose readers round no input. */
    @ParameterizedTest
    @ValueSource(strings = {"quantization.activations=int8", "quantization.activations=uniform activations.range=learned"})
    void aLayerThatIsNotQuantizedRoundsNoInput(String keys) {
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            Decoder decoder = decoder(pool,
                    (keys + " quantization.layers=[\"*ffn_down=none\",\"blk.1.attn_q=none\",\"blk.1.attn_k=none\",\"blk.1.attn_v=none\"]")
                            .split(" "));
            assertThat(of(decoder, "blk.0.ffn_down").isNone()).isTrue();
            assertThat(of(decoder, "blk.1.ffn_down").isNone()).isTrue();
            assertThat(List.of("blk.1.attn_q", "blk.1.attn_k", "blk.1.attn_v")).allSatisfy(
                    name -> assertThat(of(decoder, name).isNone()).isTrue());
            assertThat(of(decoder, "blk.0.attn_q").activations()).isNotNull();
            assertThat(decoder.parameters()).noneMatch(parameter -> parameter.name().startsWith("blk.0.ffn_down.input"));
        }
    }

    /** An input is one: it is rounded if one of the layers that share it is quantized. */
    @Test
    void aSharedInputIsRoundedForAll() {
        try (Backend backend = Backends.open(); MemoryPool pool = new MemoryPool(backend)) {
            Decoder decoder = decoder(pool, "quantization.layers=[\"*ffn_gate=none\",\"*attn_q=none\"]");
            assertThat(of(decoder, "blk.0.ffn_gate").weights()).isNull();
            assertThat(Objects.requireNonNull(of(decoder, "blk.0.ffn_gate").activations()))
                    .isSameAs(of(decoder, "blk.0.ffn_up").activations());
            assertThat(of(decoder, "blk.0.attn_q").weights()).isNull();
            assertThat(Objects.requireNonNull(of(decoder, "blk.0.attn_q").activations()))
                    .isSameAs(of(decoder, "blk.0.attn_v").activations());
        }
    }
}
