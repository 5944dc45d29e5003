package org.setun.formats.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.internal.Cursor;

/** Reads and validates the header of a safetensors file. One use per file. */
final class HeaderParser {

    static final String METADATA = "__metadata__";

    private static final long MAX_HEADER = 100L << 20;
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(4).build())
            .build();

    private final String file;
    private final long size;
    private final Cursor in;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, SafetensorsTensor> tensors = new LinkedHashMap<>();
    private long dataStart;

    HeaderParser(MemorySegment data, String file) {
        this.file = file;
        this.size = data.byteSize();
        this.in = new Cursor(data, file);
    }

    record Header(Map<String, String> metadata, Map<String, SafetensorsTensor> tensors) {
    }

    Header parse() {
        long length = in.i64("header length");
        if (length < 2 || length > MAX_HEADER || length > in.remaining()) {
            throw new FormatException(file, 0, "header length", "is " + Long.toUnsignedString(length) + " in a file of " + size
                    + " bytes, allowed is 2 to " + Math.min(MAX_HEADER, in.remaining()),
                    "this is not a safetensors file, or it is truncated");
        }
        String json = in.utf8((int) length, "header");
        dataStart = in.position();
        if (!json.startsWith("{")) {
            throw new FormatException(file, 8, "header", "does not begin with '{'", "this is not a safetensors file");
        }
        try (JsonParser parser = JSON.createParser(json)) {
            object(parser);
            if (parser.nextToken() != null) {
                throw error("header", "goes on after the end of its JSON object");
            }
        } catch (JsonProcessingException e) {
            long at = e.getLocation() == null ? 0 : Math.max(e.getLocation().getCharOffset(), 0);
            throw new FormatException(file, 8 + at, "header", "is not valid JSON: " + e.getOriginalMessage(), "the file is damaged", e);
        } catch (IOException e) {
            throw new AssertionError("a string does not fail to be read", e);
        }
        checkLayout();
        return new Header(metadata, tensors);
    }

    private void object(JsonParser parser) throws IOException {
        expect(parser, parser.nextToken(), JsonToken.START_OBJECT, "header");
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            expect(parser, parser.nextToken(), JsonToken.START_OBJECT, "'" + name + "'");
            if (name.equals(METADATA)) {
                metadata(parser);
            } else {
                tensors.put(name, tensor(parser, name));
            }
        }
    }

    private void metadata(JsonParser parser) throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            expect(parser, parser.nextToken(), JsonToken.VALUE_STRING, METADATA + " '" + key + "'");
            metadata.put(key, parser.getText());
        }
    }

    private SafetensorsTensor tensor(JsonParser parser, String name) throws IOException {
        String field = "tensor '" + name + "'";
        @Nullable
        DType type = null;
        @Nullable
        List<Long> shape = null;
        @Nullable
        List<Long> range = null;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            JsonToken token = parser.nextToken();
            switch (key) {
                case "dtype" -> {
                    expect(parser, token, JsonToken.VALUE_STRING, field + " dtype");
                    String text = parser.getText();
                    type = DType.of(text).orElseThrow(() -> error(field, "has the unsupported dtype '" + text + "'"));
                }
                case "shape" -> shape = sizes(parser, field + " shape");
                case "data_offsets" -> range = sizes(parser, field + " data_offsets");
                default -> throw error(field, "has the unknown entry '" + key + "'");
            }
        }
        if (type == null || shape == null || range == null || range.size() != 2) {
            throw error(field, "needs dtype, shape and two data_offsets");
        }
        return place(field, name, type, shape, range.get(0), range.get(1));
    }

    private SafetensorsTensor place(String field, String name, DType type, List<Long> shape, long begin, long end) {
        if (begin > end || end > size - dataStart) {
            throw error(field, "lies at bytes " + begin + " to " + end + " of " + (size - dataStart) + " bytes of data");
        }
        long bytes = type.bytes();
        for (long dim : shape) {
            if (Math.multiplyHigh(bytes, dim) != 0 || bytes * dim < 0) {
                throw error(field, "has a shape " + shape + " whose size overflows");
            }
            bytes *= dim;
        }
        if (bytes != end - begin) {
            throw error(field, "has " + (end - begin) + " bytes, but " + shape + " of " + type + " takes " + bytes);
        }
        return new SafetensorsTensor(name, type, shape, dataStart + begin, bytes);
    }

    /** A list of whole numbers from 0 up. */
    private List<Long> sizes(JsonParser parser, String field) throws IOException {
        expect(parser, parser.currentToken(), JsonToken.START_ARRAY, field);
        List<Long> sizes = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            expect(parser, parser.currentToken(), JsonToken.VALUE_NUMBER_INT, field);
            if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER || parser.getLongValue() < 0) {
                throw error(field, "has the number " + parser.getText() + ", allowed is 0 to 2^63 - 1");
            }
            sizes.add(parser.getLongValue());
        }
        return sizes;
    }

    /** The format allows neither overlap nor holes: together the tensors are the data. */
    private void checkLayout() {
        long end = dataStart;
        for (SafetensorsTensor tensor : tensors.values().stream()
                .sorted(Comparator.comparingLong(SafetensorsTensor::offset).thenComparingLong(SafetensorsTensor::bytes)).toList()) {
            if (tensor.offset() != end) {
                throw new FormatException(file, tensor.offset(), "tensor '" + tensor.name() + "'", tensor.offset() < end
                        ? "overlaps the tensor before it"
                        : "leaves a hole of " + (tensor.offset() - end) + " bytes before it", "the file is damaged");
            }
            end = tensor.offset() + tensor.bytes();
        }
        if (end != size) {
            throw new FormatException(file, end, "data", (size - end) + " bytes belong to no tensor", "the file is damaged");
        }
    }

    private void expect(JsonParser parser, @Nullable JsonToken token, JsonToken expected, String field) {
        if (token != expected) {
            throw new FormatException(file, 8 + Math.max(parser.currentTokenLocation().getCharOffset(), 0), field,
                    "has " + token + " where " + expected + " is allowed", "the file is damaged");
        }
    }

    private FormatException error(String field, String problem) {
        return new FormatException(file, FormatException.NO_OFFSET, field, problem, "the file is damaged or of a newer kind");
    }
}
