package org.setun.cli.study;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.setun.quant.ptq.input.ModelInput;
import picocli.CommandLine.Option;

/** A model with its text, or a classifier with its images, as given on the command line. */
public final class StudyOptions {

    /** A language model. */
    public static final class Language {

        @Option(names = "--model", required = true, paramLabel = "FILE", description = "A model in F32: GGUF, or llama2.c with --tokenizer. May be repeated, each with its --text.")
        Path model = Path.of("");

        @Option(names = "--text", required = true, paramLabel = "FILE", description = "The text to judge the model by (UTF-8).")
        Path text = Path.of("");

        @Option(names = "--tokenizer", paramLabel = "FILE", description = "The tokenizer of a llama2.c model.")
        @Nullable
        Path tokenizer;

        /** Refuses what is not there, before anything runs. */
        public void check() throws IOException {
            require(model, "--model");
            require(text, "--text");
            if (tokenizer == null && ModelInput.takesTokenizer(model)) {
                ModelInput.requireModel(model);
                throw new IllegalArgumentException("--model " + model + " is a llama2.c checkpoint: name its tokenizer with --tokenizer "
                        + "FILE beside it");
            }
            if (tokenizer != null) {
                require(tokenizer, "--tokenizer");
            }
        }
    }

    /** A classifier of images. */
    public static final class Classifier {

        @Option(names = "--mlp", required = true, paramLabel = "FILE", description = "A TensorFlow.js model.json with two dense layers.")
        Path manifest = Path.of("");

        @Option(names = "--images", required = true, paramLabel = "FILE", description = "Images to judge it by (idx, may be gzipped).")
        Path images = Path.of("");

        @Option(names = "--labels", required = true, paramLabel = "FILE", description = "Their labels (idx).")
        Path labels = Path.of("");

        /** Refuses what is not there, before anything runs. */
        public void check() {
            require(manifest, "--mlp");
            require(images, "--images");
            require(labels, "--labels");
        }
    }

    private static void require(Path file, String option) {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(option + " " + file + ": no such file");
        }
    }

    private StudyOptions() {
    }
}
