package org.setun.training.lm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.setun.formats.FormatException;
import org.setun.kernels.Backend;
import org.setun.kernels.Workspace;
import org.setun.nn.DType;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.data.TokenFile;
import org.setun.training.loss.TopKFile;

/**
 * Lets a teacher read a text once and keeps what it holds likely. It reads windows of the context's length that overlap by half, so that each
 * position, but for the first half window, is judged with at least half a context before it: wherever a student's window begins later.
 */
final class TeacherCache {

    private TeacherCache() {
    }

    /** Loads the teacher, should it be needed. */
    interface Loader {
        Teacher load() throws IOException;
    }

    /** The file, made now if it is not there, damaged, or made from something else. */
    static TopKFile open(Path file, TopKFile.Origin origin, Loader loader, TokenFile tokens, Backend backend, Workspace workspace)
            throws IOException {
        if (Files.exists(file)) {
            try {
                return TopKFile.open(file, origin);
            } catch (FormatException e) {
                Files.delete(file); // of another teacher, text or setting, or damaged: made anew below
            }
        }
        Teacher teacher = loader.load();
        TopKFile.write(file, origin, sink -> new Reading(teacher, origin, tokens, backend, workspace).write(sink));
        return TopKFile.open(file, origin);
    }

    /** One pass over a text. */
    private static final class Reading {

        private final Teacher teacher;
        private final TopKFile.Origin origin;
        private final TokenFile tokens;
        private final Backend backend;
        private final Workspace workspace;
        private final TopK top;

        Reading(Teacher teacher, TopKFile.Origin origin, TokenFile tokens, Backend backend, Workspace workspace) {
            this.teacher = teacher;
            this.origin = origin;
            this.tokens = tokens;
            this.backend = backend;
            this.workspace = workspace;
            top = new TopK(origin.k());
        }

        void write(TopKFile.Sink sink) throws IOException {
            long half = Math.max(1, origin.context() / 2);
            for (long done = 0; done < origin.positions();) {
                long start = done == 0 ? 0 : Math.max(0, done - (origin.context() - half));
                int length = (int) Math.min(origin.context(), origin.positions() - start);
                window(start, length, (int) (done - start), sink);
                done = start + length;
            }
        }

        private void window(long start, int length, int from, TopKFile.Sink sink) throws IOException {
            Tape tape = Tape.evaluating(backend, workspace);
            Tensor ids = Tensor.allocate(workspace, DType.I32, length);
            tokens.copy(start, length, ids.segment(), 0);
            Tensor logits = teacher.decoder().forward(tape, ids, 1, length);
            backend.axpby(1 / origin.temperature(), logits.segment(), 0, logits.segment(), logits.size());
            Tensor losses = Tensor.allocate(workspace, DType.F32, length);
            Tensor zeros = Tensor.of(workspace, new int[length], length);
            backend.crossEntropy(logits.segment(), zeros.segment(), length, origin.vocabulary(), losses.segment(), null, 1);
            for (int row = from; row < length; row++) {
                MemorySegment values = logits.slice(row, row + 1).segment();
                double logSum = losses.segment().getAtIndex(ValueLayout.JAVA_FLOAT, row) + (double) values.get(ValueLayout.JAVA_FLOAT, 0);
                if (!Double.isFinite(logSum)) {
                    throw new IllegalArgumentException("teacher " + teacher.name() + " gives no finite logits for token " + (start + row)
                            + " of the text: check the model");
                }
                int[] likeliest = top.of(values, origin.vocabulary());
                float[] logs = new float[likeliest.length];
                double mass = 0;
                for (int i = 0; i < logs.length; i++) {
                    logs[i] = (float) Math.min(0, values.getAtIndex(ValueLayout.JAVA_FLOAT, likeliest[i]) - logSum);
                    mass += Math.exp(logs[i]);
                }
                boolean whole = likeliest.length == origin.vocabulary();
                sink.accept(likeliest, logs, whole ? 0 : (float) Math.clamp(1 - mass, 0, 1));
            }
            tape.reset();
        }
    }

    /** The places of the largest values of a row, in ascending order; of equal values the first. */
    static final class TopK {

        private final int k;
        private final float[] heap;
        private final int[] places;

        TopK(int k) {
            this.k = k;
            heap = new float[k];
            places = new int[k];
        }

        int[] of(MemorySegment values, long count) {
            for (int i = 0; i < k; i++) {
                heap[i] = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                places[i] = i;
            }
            for (int i = k / 2 - 1; i >= 0; i--) {
                sink(i);
            }
            for (int i = k; i < count; i++) {
                float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                if (value > heap[0]) {
                    heap[0] = value;
                    places[0] = i;
                    sink(0);
                }
            }
            int[] sorted = places.clone();
            Arrays.sort(sorted);
            return sorted;
        }

        /** Moves an entry down until no smaller one, or equal one that came later, is below it. */
        private void sink(int from) {
            int i = from;
            while (true) {
                int least = i;
                for (int child = 2 * i + 1; child <= 2 * i + 2 && child < k; child++) {
                    boolean smaller = heap[child] < heap[least] || heap[child] == heap[least] && places[child] > places[least];
                    least = smaller ? child : least;
                }
                if (least == i) {
                    return;
                }
                float value = heap[i];
                heap[i] = heap[least];
                heap[least] = value;
                int place = places[i];
                places[i] = places[least];
                places[least] = place;
                i = least;
            }
        }
    }
}
