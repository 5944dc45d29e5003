package org.setun.quant.ptq;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufMetadata;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;

/**
 * The tensors of a GGUF file as a model sees them, whether GGUF's own types store them or formats that only Setun has.
 *
 * <p>
 * Files with the latter have the architecture {@code setun-<architecture>}, so that other engines refuse them by name, and
 * {@code setun.format_version} = 1. Such a tensor is I8 of shape [rows][bytes per row]; the arrays {@code setun.tensor.names}, {@code
 * .formats}
 * and {@code .columns} say what it is. Matrices between two orthogonal transforms, of whatever type, are in {@code
 * setun.incoherence.names},
 * {@code .seeds} and {@code .methods}. All of this is checked before {@link #of} returns. Immutable; usable by all threads.
 */
public final class SetunGguf {

    /** What the architecture of a file with other than GGUF's types begins with. */
    public static final String PREFIX = "setun-";

    /** The version of the representation that is written and read. */
    public static final int VERSION = 1;

    static final String VERSION_KEY = "setun.format_version";
    static final String NAMES = "setun.tensor.names";
    static final String FORMATS = "setun.tensor.formats";
    static final String COLUMNS = "setun.tensor.columns";
    static final String ROTATED_NAMES = "setun.incoherence.names";
    static final String ROTATED_SEEDS = "setun.incoherence.seeds";
    static final String ROTATED_METHODS = "setun.incoherence.methods";
    /** Spaces that keep the head's size while the parameters of formats are still being chosen. */
    static final String RESERVED = "setun.reserved";

    private static final String REMEDY = "the file is damaged: fetch it again, or quantize the model again";
    private static final Set<String> KEYS = Set.of(NAMES, FORMATS, COLUMNS, ROTATED_NAMES, ROTATED_SEEDS, ROTATED_METHODS);

    /**
     * One tensor.
     *
     * @param name     its GGUF name
     * @param shape    of the values, slowest dimension first
     * @param format   of the bytes, if GGUF has no type for it
     * @param rotation what lies between the stored values and the weights
     */
    public record Tensor(String name, long[] shape, Optional<WeightFormat> format, Optional<StoredRotation> rotation) {
    }

    private final String architecture;
    private final Map<String, Tensor> tensors;

    private SetunGguf(String architecture, Map<String, Tensor> tensors) {
        this.architecture = architecture;
        this.tensors = tensors;
    }

    /**
     * Reads what the metadata say and checks it against the tensors.
     *
     * @throws FormatException if they contradict each other, or the file is of a newer version
     */
    public static SetunGguf of(GgufFile file) {
        return new Reader(file).read();
    }

    /** The architecture that a name stands for: without {@link #PREFIX}. */
    public static String baseArchitecture(GgufMetadata metadata) {
        return base(metadata.architecture());
    }

    private static String base(String name) {
        return name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
    }

    /** The architecture without {@link #PREFIX}; keys of its sizes begin with it. */
    public String architecture() {
        return architecture;
    }

    /** All tensors in the file's order. */
    public Collection<Tensor> tensors() {
        return Collections.unmodifiableCollection(tensors.values());
    }

    /** A tensor by name; empty if the file has none of that name. */
    public Optional<Tensor> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /** Puts the arrays that describe {@code tensors}, which must have been fitted; {@code room} is what {@link #RESERVED} fills up. */
    static void write(GgufWriter writer, List<Tensor> tensors, int room) {
        List<Tensor> own = tensors.stream().filter(tensor -> tensor.format().isPresent()).toList();
        List<Tensor> rotated = tensors.stream().filter(tensor -> tensor.rotation().isPresent()).toList();
        List<String> formats = own.stream().map(tensor -> tensor.format().orElseThrow().name()).toList();
        int used = formats.stream().mapToInt(String::length).sum()
                + rotated.stream().mapToInt(tensor -> tensor.rotation().orElseThrow().method().length()).sum();
        writer.uint32(VERSION_KEY, VERSION)
                .strings(NAMES, own.stream().map(Tensor::name).toList())
                .strings(FORMATS, formats)
                .int64s(COLUMNS, own.stream().mapToLong(tensor -> tensor.shape()[1]).toArray())
                .strings(ROTATED_NAMES, rotated.stream().map(Tensor::name).toList())
                .int64s(ROTATED_SEEDS, rotated.stream().mapToLong(tensor -> tensor.rotation().orElseThrow().seed()).toArray())
                .strings(ROTATED_METHODS, rotated.stream()
                        .map(tensor -> tensor.rotation().orElseThrow().method()).toList())
                .string(RESERVED, " ".repeat(Math.max(0, room - used)));
    }

    private record Reader(GgufFile file, GgufMetadata metadata) {

        Reader(GgufFile file) {
            this(file, file.metadata());
        }

        SetunGguf read() {
            String name = metadata.string("general.architecture", ""); // an importance matrix has none
            boolean own = name.startsWith(PREFIX);
            if (own) {
                long version = metadata.integer(VERSION_KEY);
                if (version != VERSION) {
                    throw metadata.error(VERSION_KEY, "is " + version + ", version " + VERSION + " is read",
                            "a newer Setun may know it");
                }
            } else {
                KEYS.stream().filter(metadata::has).findAny().ifPresent(key -> {
                    throw metadata.error(key, "belongs to the architectures setun-*, the file's is '" + name + "'", REMEDY);
                });
            }
            Map<String, StoredRotation> rotations = own ? rotations() : Map.of();
            Map<String, Tensor> formats = own ? formats(rotations) : Map.of();
            Map<String, Tensor> all = new LinkedHashMap<>();
            for (GgufTensor tensor : file.tensors()) {
                Tensor special = formats.get(tensor.name());
                if (own && special == null && tensor.type() == GgmlType.I8) {
                    throw error(tensor, "is I8, but " + NAMES + " does not have it");
                }
                Optional<StoredRotation> rotation = Optional.ofNullable(rotations.get(tensor.name()));
                if (rotation.isPresent() && tensor.dims().size() != 2) {
                    throw error(tensor, "is in " + ROTATED_NAMES + " and has " + tensor.dims().size() + " dimensions, not 2");
                }
                all.put(tensor.name(),
                        special != null ? special : new Tensor(tensor.name(), tensor.shape(), Optional.empty(), rotation));
            }
            return new SetunGguf(base(name), all);
        }

        private Map<String, StoredRotation> rotations() {
            if (!metadata.has(ROTATED_NAMES) && !metadata.has(ROTATED_SEEDS) && !metadata.has(ROTATED_METHODS)) {
                return Map.of();
            }
            List<String> names = metadata.strings(ROTATED_NAMES);
            long[] seeds = metadata.integers(ROTATED_SEEDS);
            List<String> methods = metadata.strings(ROTATED_METHODS);
            requireSameLength(ROTATED_NAMES, names.size(), ROTATED_SEEDS, seeds.length);
            requireSameLength(ROTATED_NAMES, names.size(), ROTATED_METHODS, methods.size());
            Map<String, StoredRotation> rotations = new LinkedHashMap<>();
            for (int i = 0; i < seeds.length; i++) {
                file.info(names.get(i));
                if (rotations.put(names.get(i), rotation(methods.get(i), seeds[i])) != null) {
                    throw metadata.error(ROTATED_NAMES, "has '" + names.get(i) + "' twice", REMEDY);
                }
            }
            return rotations;
        }

        private StoredRotation rotation(String method, long seed) {
            StoredRotation rotation = new StoredRotation(method, seed);
            try {
                rotation.kind();
            } catch (IllegalArgumentException e) {
                throw metadata.error(ROTATED_METHODS, String.valueOf(e.getMessage()), REMEDY);
            }
            return rotation;
        }

        private Map<String, Tensor> formats(Map<String, StoredRotation> rotations) {
            List<String> names = metadata.strings(NAMES);
            List<String> formats = metadata.strings(FORMATS);
            long[] columns = metadata.integers(COLUMNS);
            requireSameLength(NAMES, names.size(), FORMATS, formats.size());
            requireSameLength(NAMES, names.size(), COLUMNS, columns.length);
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            Map<String, WeightFormat> parsed = new LinkedHashMap<>();
            for (int i = 0; i < columns.length; i++) {
                WeightFormat format = parsed.computeIfAbsent(formats.get(i), this::format);
                Tensor tensor = tensor(file.info(names.get(i)), format, columns[i], rotations);
                if (tensors.put(tensor.name(), tensor) != null) {
                    throw metadata.error(NAMES, "has '" + tensor.name() + "' twice", REMEDY);
                }
            }
            return tensors;
        }

        private WeightFormat format(String name) {
            WeightFormat format;
            try {
                format = WeightFormats.parse(name);
            } catch (IllegalArgumentException e) {
                throw metadata.error(FORMATS, String.valueOf(e.getMessage()), REMEDY);
            }
            if (!format.isFitted()) {
                throw metadata.error(FORMATS, "has '" + name + "', which leaves out the parameters that were chosen for the matrix",
                        REMEDY);
            }
            return format;
        }

        private Tensor tensor(GgufTensor info, WeightFormat format, long columns, Map<String, StoredRotation> rotations) {
            if (info.type() != GgmlType.I8 || info.dims().size() != 2) {
                throw error(info, "of type " + info.type() + " and " + info.dims().size() + " dimensions is in " + NAMES
                        + ", which is for I8 matrices");
            }
            if (columns < 1 || columns > Integer.MAX_VALUE - 8 || columns % format.blockSize() != 0
                    || columns / format.blockSize() > Long.MAX_VALUE / format.blockBytes()
                    || format.rowBytes(columns) != info.dims().getFirst()) {
                throw error(info, "has rows of " + info.dims().getFirst() + " bytes, which are not " + columns + " columns of "
                        + format.name());
            }
            return new Tensor(info.name(), new long[]{info.shape()[0], columns}, Optional.of(format),
                    Optional.ofNullable(rotations.get(info.name())));
        }

        private void requireSameLength(String key, int length, String other, int otherLength) {
            if (length != otherLength) {
                throw metadata.error(other, "has " + otherLength + " values, " + key + " has " + length, REMEDY);
            }
        }

        private FormatException error(GgufTensor tensor, String problem) {
            return new FormatException(file.name(), tensor.offset(), "tensor '" + tensor.name() + "'", problem, REMEDY);
        }
    }

    /** The tensors of a plan, in its order. */
    static List<Tensor> describe(List<PlannedTensor> plan) {
        List<Tensor> tensors = new ArrayList<>();
        for (PlannedTensor tensor : plan) {
            tensors.add(new Tensor(tensor.name(), tensor.shape(),
                    tensor.format().ggmlType().isPresent() ? Optional.empty() : Optional.of(tensor.format()), tensor.rotation()));
        }
        return tensors;
    }
}
