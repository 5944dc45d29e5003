package org.setun.quant.calibration;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.setun.formats.tokenizer.Markers;
import org.setun.formats.tokenizer.Tokenizer;

/**
 * Running text as sequences of one length, side by side, as llama.cpp computes importance matrices: if the tokenizer has a begin marker to add, it
 * takes the place of the first token of each.
 */
public final class TextChunks {

    private TextChunks() {
    }

    /**
     * The first chunks of files, one after another.
     *
     * @param files   as {@link SampleReader} reads them
     * @param context tokens per chunk; what is left over at the end is not used
     * @param most    chunks, at most; 0 for all
     * @throws IllegalArgumentException if the text does not fill one chunk
     * @throws org.setun.formats.FormatException if a file is damaged or of an unknown kind
     * @throws IOException if a file cannot be read
     */
    public static List<int[]> read(List<Path> files, Tokenizer tokenizer, int context, int most) throws IOException {
        if (context < 2 || most < 0) {
            throw new IllegalArgumentException("context = " + context + " must be at least 2, chunks = " + most + " at least 0 (0 = all)");
        }
        Markers markers = tokenizer.vocabulary().markers();
        List<int[]> chunks = new ArrayList<>();
        int[] open = new int[context];
        int[] filled = {markers.addBos() ? 1 : 0};
        for (Path file : files) {
            SampleReader.read(file, text -> {
                if (most > 0 && chunks.size() >= most) {
                    return;
                }
                for (int id : tokenizer.encode(text, false, false)) {
                    if (filled[0] == context) {
                        chunks.add(open.clone());
                        filled[0] = 0;
                    }
                    open[filled[0]++] = id;
                }
            });
        }
        if (filled[0] == context) {
            chunks.add(open.clone());
        }
        if (chunks.isEmpty()) {
            throw new IllegalArgumentException(
                    "the text has " + filled[0] + " tokens, less than one chunk of " + context + ": choose a smaller context");
        }
        List<int[]> used = most > 0 && most < chunks.size() ? chunks.subList(0, most) : chunks;
        if (markers.addBos()) {
            used.forEach(chunk -> chunk[0] = markers.bos());
        }
        return List.copyOf(used);
    }

    /** The files' names without folders. */
    public static List<String> names(List<Path> files) {
        return files.stream().map(file -> String.valueOf(file.getFileName())).toList();
    }
}
