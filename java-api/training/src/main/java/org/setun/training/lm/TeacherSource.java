package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.Distillation;
import org.setun.training.loss.TopKFile;

/** Opens the teacher, or the file of its probabilities, that {@code [distillation]} names: once for all runs. One thread; close it. */
final class TeacherSource implements AutoCloseable {

    private final Backend backend;
    private final Workspace workspace;
    private final TokenizedCorpus corpus;
    private final Path folder;
    private final List<MemoryPool> pools = new ArrayList<>();
    private @Nullable Distillation opened;
    private @Nullable Teacher teacher;
    private @Nullable TopKFile cache;

    /**
     * A source.
     *
     * @param workspace for the passes that make a file; released after each
     * @param folder    for the file of probabilities
     */
    TeacherSource(Backend backend, Workspace workspace, TokenizedCorpus corpus, Path folder) {
        this.backend = backend;
        this.workspace = workspace;
        this.corpus = corpus;
        this.folder = folder;
    }

    /** Makes ready what {@code config} asks for. */
    void open(TrainingConfig config) throws IOException {
        Distillation wanted = config.distillation();
        if (wanted.equals(opened)) {
            return;
        }
        close();
        if (wanted.enabled() && wanted.topK() == 0) {
            teacher = load(wanted);
        } else if (wanted.enabled()) {
            int vocabulary = corpus.tokenizer().vocabSize();
            int context = config.model().context();
            TopKFile.Origin origin = new TopKFile.Origin(Math.min(wanted.topK(), vocabulary), vocabulary, corpus.training().count() - 1,
                    (float) wanted.temperature(), context, Teacher.sha256(Path.of(wanted.teacher())), corpus.training().sha256());
            try {
                cache = TeacherCache.open(folder.resolve(wanted.cacheFile()), origin, () -> load(wanted), corpus.training(), backend,
                        workspace);
            } finally {
                closePools(); // the file is all that is needed from now on
            }
        }
        opened = wanted;
    }

    private Teacher load(Distillation wanted) throws IOException {
        MemoryPool pool = new MemoryPool(backend);
        pools.add(pool);
        return Teacher.load(Path.of(wanted.teacher()), pool, corpus.tokenizer(), "of " + folder);
    }

    /** Null without distillation, or if the file takes its place. */
    @Nullable
    Teacher teacher() {
        return teacher;
    }

    /** Null unless {@code distillation.top_k} is set. */
    @Nullable
    TopKFile cache() {
        return cache;
    }

    private void closePools() {
        pools.forEach(MemoryPool::close);
        pools.clear();
    }

    @Override
    public void close() {
        if (cache != null) {
            cache.close();
        }
        cache = null;
        teacher = null;
        opened = null;
        closePools();
    }
}
