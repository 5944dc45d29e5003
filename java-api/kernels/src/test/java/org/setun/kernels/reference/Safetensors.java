package org.setun.kernels.reference;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Just enough of the safetensors format to read golden files: tensors by name, as bytes. */
final class Safetensors {

    private final byte[] file;
    private final String header;
    private final int data;

    Safetensors(Path path) {
        try {
            file = Files.readAllBytes(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        header = new String(file, 8, length, StandardCharsets.UTF_8);
        data = 8 + length;
    }

    MemorySegment tensor(String name) {
        Matcher matcher = Pattern.compile("\"" + name + "\": \\{[^}]*\"data_offsets\": \\[(\\d+), (\\d+)]").matcher(header);
        if (!matcher.find()) {
            throw new IllegalArgumentException("no tensor " + name + " in " + header);
        }
        int begin = Integer.parseInt(matcher.group(1));
        int end = Integer.parseInt(matcher.group(2));
        MemorySegment segment = Arena.ofAuto().allocate(end - begin, 64);
        MemorySegment.copy(MemorySegment.ofArray(file), data + begin, segment, 0, end - begin);
        return segment;
    }
}
