package org.setun.training.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.setun.formats.Crc32c;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsTensor;

/** A checkpoint on disk whose files were found to be those that were saved: each has the checksum that {@code checkpoint.json} states. */
public final class Checkpoint {

    private final Path folder;
    private final TrainingState state;

    private Checkpoint(Path folder, TrainingState state) {
        this.folder = folder;
        this.state = state;
    }

    /**
     * Opens and checks {@code folder}.
     *
     * @throws FormatException that names the file which is missing, damaged, or of a newer version
     */
    public static Checkpoint open(Path folder) throws IOException {
        CheckpointReader.Content content = CheckpointReader.readState(folder);
        for (String required : List.of(CheckpointStore.MODEL_FILE, CheckpointStore.OPTIMIZER_FILE)) {
            if (!content.sums().containsKey(required)) {
                throw CheckpointReader.bad(folder.resolve(CheckpointStore.STATE_FILE), content.key(), "lacks " + required);
            }
        }
        List<Path> files = new ArrayList<>();
        for (String name : content.sums().keySet()) {
            Path file = folder.resolve(name).normalize();
            if (!folder.normalize().equals(file.getParent())) {
                throw CheckpointReader.bad(folder.resolve(CheckpointStore.STATE_FILE), content.key(), "names '" + name
                        + "', which is not in the checkpoint");
            }
            if (!Files.isRegularFile(file)) {
                throw CheckpointReader.bad(file, "file", "is missing");
            }
            files.add(file);
        }
        List<String> found = CheckpointFiles.check(files, content.isOld() ? Sha256::of : Crc32c::of);
        List<String> stated = List.copyOf(content.sums().values());
        for (int i = 0; i < files.size(); i++) {
            if (!found.get(i).equals(stated.get(i))) {
                throw CheckpointReader.bad(files.get(i), content.isOld() ? "SHA-256" : "CRC-32C",
                        found.get(i) + ", checkpoint.json says " + stated.get(i));
            }
        }
        return new Checkpoint(folder, content.state());
    }

    /** Where its files are. */
    public Path folder() {
        return folder;
    }

    /** What it keeps beside the tensors. */
    public TrainingState state() {
        return state;
    }

    /** The weights' file. */
    public Path model() {
        return folder.resolve(CheckpointStore.MODEL_FILE);
    }

    /** Copies weights into {@code tensors}; the file must hold exactly these names and shapes. */
    public void loadWeights(List<NamedTensor> tensors) throws IOException {
        load(model(), tensors);
    }

    /** Copies the optimizer's moments into {@code tensors}; the file must hold exactly these names and shapes. */
    public void loadMoments(List<NamedTensor> tensors) throws IOException {
        load(folder.resolve(CheckpointStore.OPTIMIZER_FILE), tensors);
    }

    private static void load(Path path, List<NamedTensor> tensors) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            Set<String> known = tensors.stream().map(NamedTensor::name).collect(Collectors.toSet());
            for (SafetensorsTensor tensor : file.tensors()) {
                if (!known.contains(tensor.name())) {
                    throw CheckpointReader.bad(path, "tensor '" + tensor.name() + "'",
                            "is unknown to the model and the optimizer of this configuration, which has " + tensors.size()
                                    + " tensors here, the file " + file.tensors().size());
                }
            }
            for (NamedTensor tensor : tensors) {
                SafetensorsTensor info = file.info(tensor.name());
                long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
                if (info.type() != tensor.type() || !Arrays.equals(shape, tensor.shape())) {
                    throw CheckpointReader.bad(path, "tensor '" + tensor.name() + "'", info.type() + Arrays.toString(shape)
                            + ", the model of this configuration has " + tensor.type() + Arrays.toString(tensor.shape()));
                }
            }
            for (NamedTensor tensor : tensors) {
                MemorySegment.copy(file.tensor(tensor.name()), 0, tensor.data(), 0, tensor.data().byteSize());
            }
        }
    }
}
