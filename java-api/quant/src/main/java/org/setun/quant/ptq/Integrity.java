package org.setun.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufMetadata;
import org.setun.formats.gguf.GgufWriter;

/**
 * What a quantized file says of its making: SHA-256 of the input, of the configuration, of the head (metadata, seeds of rotations, names and
 * shapes) and of every tensor's bytes, and how much each tensor lost.
 * It reveals damage and mix-ups; it is no signature, because who changes a tensor can change its hash too.
 *
 * @param input         SHA-256 of the input's bytes
 * @param configuration the options in their normal form, one {@code key = value} a line
 * @param tensors       by name, in the file's order
 */
public record Integrity(String input, String configuration, Map<String, Entry> tensors) {

    static final String INPUT = "setun.integrity.input";
    static final String CONFIG_HASH = "setun.integrity.config";
    static final String CONFIG = "setun.quantize.config";
    /** Of everything before the data, with zeros where this hash stands. */
    static final String HEAD = "setun.integrity.head";
    static final String NAMES = "setun.integrity.tensors";
    static final String HASHES = "setun.integrity.sha256";
    static final String ERRORS = "setun.integrity.errors";

    /**
     * One tensor.
     *
     * @param sha256        of its bytes
     * @param relativeError {@code ||stored - original|| / ||original||}, the norm being Frobenius'
     */
    public record Entry(String sha256, float relativeError) {
    }

    public Integrity {
        tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
    }

    private static final String REMEDY = "fetch the file again, or quantize the model again";
    private static final String ZEROS = "0".repeat(Sha256.LENGTH);

    /**
     * The record of a file; empty if it has none.
     *
     * @throws FormatException if it is damaged, or does not name exactly the file's tensors
     */
    public static Optional<Integrity> read(GgufFile file) {
        GgufMetadata metadata = file.metadata();
        if (List.of(INPUT, CONFIG_HASH, CONFIG, HEAD, NAMES, HASHES, ERRORS).stream().noneMatch(metadata::has)) {
            return Optional.empty();
        }
        String configuration = metadata.string(CONFIG);
        if (!Sha256.of(configuration).equals(hash(metadata, CONFIG_HASH, metadata.string(CONFIG_HASH)))) {
            throw metadata.error(CONFIG, "does not have the SHA-256 that " + CONFIG_HASH + " says: the file was changed", REMEDY);
        }
        List<String> names = metadata.strings(NAMES);
        List<String> hashes = metadata.strings(HASHES);
        float[] errors = metadata.numbers(ERRORS);
        if (names.size() != hashes.size() || names.size() != errors.length || names.size() != file.tensors().size()) {
            throw metadata.error(NAMES, "has " + names.size() + " names beside " + hashes.size() + " hashes and " + errors.length
                    + " errors in a file of " + file.tensors().size() + " tensors", REMEDY);
        }
        Map<String, Entry> tensors = new LinkedHashMap<>();
        for (int i = 0; i < errors.length; i++) {
            if (file.find(names.get(i)).isEmpty()
                    || tensors.put(names.get(i), new Entry(hash(metadata, HASHES, hashes.get(i)), errors[i])) != null) {
                throw metadata.error(NAMES, "has '" + names.get(i) + "' twice, or the file has no such tensor", REMEDY);
            }
        }
        return Optional.of(new Integrity(hash(metadata, INPUT, metadata.string(INPUT)), configuration, tensors));
    }

    /**
     * Reads the record of a file and compares the head and every tensor with it, on all processors.
     *
     * @return the record, empty if the file has none
     * @throws FormatException if the head is another than the one that was written, or naming the first tensor whose bytes are
     */
    public static Optional<Integrity> verify(GgufFile file) {
        Optional<Integrity> integrity = read(file);
        if (integrity.isPresent()) {
            if (!file.headHash(HEAD).equals(hash(file.metadata(), HEAD, file.metadata().string(HEAD)))) {
                throw file.metadata().error(HEAD, "is not the SHA-256 of this head: metadata, names or shapes changed after the file was "
                        + "written", REMEDY);
            }
        }
        integrity.ifPresent(record -> record.tensors().entrySet().parallelStream()
                .filter(tensor -> !Sha256.of(file.tensor(tensor.getKey())).equals(tensor.getValue().sha256()))
                .findFirst().ifPresent(tensor -> {
                    throw new FormatException(file.name(), file.info(tensor.getKey()).offset(), "tensor '" + tensor.getKey() + "'",
                            "its bytes do not have the SHA-256 of the integrity record: they changed after the file was written",
                            REMEDY);
                }));
        return integrity;
    }

    private static String hash(GgufMetadata metadata, String key, String text) {
        if (!Sha256.isHash(text)) {
            throw metadata.error(key,
                    "has '" + (text.length() > 80 ? text.substring(0, 80) + "…" : text) + "', a SHA-256 in hexadecimal is needed",
                    REMEDY);
        }
        return text;
    }

    /** The head of the file that {@code writer} describes, with the record in it; its size depends on names and configuration alone. */
    byte[] head(GgufWriter writer) {
        write(writer);
        String hash = Sha256.of(MemorySegment.ofArray(writer.head()));
        return writer.string(HEAD, hash).head();
    }

    /** Puts the record into a file's metadata, with zeros for the hash of the head. */
    private void write(GgufWriter writer) {
        float[] errors = new float[tensors.size()];
        int i = 0;
        for (Entry entry : tensors.values()) {
            errors[i++] = entry.relativeError();
        }
        writer.string(INPUT, input).string(CONFIG, configuration).string(CONFIG_HASH, Sha256.of(configuration)).string(HEAD, ZEROS)
                .strings(NAMES, List.copyOf(tensors.keySet()))
                .strings(HASHES, tensors.values().stream().map(Entry::sha256).toList())
                .float32s(ERRORS, errors);
    }
}
