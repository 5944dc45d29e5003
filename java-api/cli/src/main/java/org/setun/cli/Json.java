package org.setun.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import java.io.IOException;
import java.nio.file.Path;

/**
 * JSON lines for programs that read {@code --json} output. They are ASCII, so that no locale can damage them; numbers that are not finite are
 * null, as JSON has none. Names of several words are joined by underscores.
 */
final class Json {

    private static final class FiniteOrNull extends StdSerializer<Number> {
        private static final long serialVersionUID = 1;

        FiniteOrNull() {
            super(Number.class);
        }

        @Override
        public void serialize(Number value, JsonGenerator out, SerializerProvider provider) throws IOException {
            if (!Double.isFinite(value.doubleValue())) {
                out.writeNull();
            } else if (value instanceof Float number) {
                out.writeNumber(number); // with the digits of a float
            } else {
                out.writeNumber(value.doubleValue());
            }
        }
    }

    /** The elements of a {@code float[]}, which Jackson would write without asking the serializer of its elements. */
    private static final class Floats extends StdSerializer<float[]> {
        private static final long serialVersionUID = 1;

        Floats() {
            super(float[].class);
        }

        @Override
        public void serialize(float[] values, JsonGenerator out, SerializerProvider provider) throws IOException {
            out.writeStartArray();
            for (float value : values) {
                provider.defaultSerializeValue(value, out);
            }
            out.writeEndArray();
        }
    }

    /** The elements of a {@code double[]}, likewise. */
    private static final class Doubles extends StdSerializer<double[]> {
        private static final long serialVersionUID = 1;

        Doubles() {
            super(double[].class);
        }

        @Override
        public void serialize(double[] values, JsonGenerator out, SerializerProvider provider) throws IOException {
            out.writeStartArray();
            for (double value : values) {
                provider.defaultSerializeValue(value, out);
            }
            out.writeEndArray();
        }
    }

    private static final ObjectMapper MAPPER = JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII)
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).addModule(new SimpleModule()
                    .addSerializer(Double.class, new FiniteOrNull()).addSerializer(double.class, new FiniteOrNull())
                    .addSerializer(Float.class, new FiniteOrNull()).addSerializer(float.class, new FiniteOrNull())
                    .addSerializer(float[].class, new Floats()).addSerializer(double[].class, new Doubles())
                    .addSerializer(Path.class, new ToStringSerializer(Path.class)))
            .build();

    private Json() {
    }

    /** One line of JSON; maps and records keep their order. */
    static String line(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot write " + value.getClass().getSimpleName() + " as JSON", e);
        }
    }
}
