package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Path;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Allocator;
import org.setun.nn.Decoder;
import org.setun.nn.Parameter;
import org.setun.quant.qat.Rounding;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.checkpoint.TrainingState;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;

/**
 * A language model out of a checkpoint: what evaluation, generation and export begin with.
 *
 * @param decoder   with the checkpoint's weights, rounded to the levels they were trained for
 * @param tokenizer the one it was trained with
 * @param config    of the run
 * @param state     of the run when the checkpoint was saved
 */
public record TrainedModel(Decoder decoder, Tokenizer tokenizer, TrainingConfig config, TrainingState state) {

    /** A checkpoint whose files are whole, without its weights. */
    record Head(Checkpoint checkpoint, TrainingConfig config, Tokenizer tokenizer) {
    }

    /** Opens and checks the checkpoint in {@code folder}. */
    static Head head(Path folder) throws IOException {
        Checkpoint checkpoint = Checkpoint.open(folder);
        TrainingConfig config = ConfigReader.fromMap(folder.resolve("checkpoint.json").toString(), checkpoint.state().config());
        return new Head(checkpoint, config, TokenizerFiles.read(folder));
    }

    /**
     * Reads and checks the checkpoint in {@code folder}; the weights go to {@code allocator}.
     *
     * @throws IllegalArgumentException if its weights still have more bits than they are trained for
     */
    public static TrainedModel load(Path folder, Allocator allocator) throws IOException {
        Head head = head(folder);
        TrainingConfig config = head.config();
        Tokenizer tokenizer = head.tokenizer();
        Checkpoint checkpoint = head.checkpoint();
        if (checkpoint.state().hasMoreBits()) {
            throw new IllegalArgumentException("checkpoint " + folder
                    + " is from the middle of progressive.kind = \"bit_width\", which ends with step "
                    + config.progressive().endStep() + ": its scales are those of more bits; resume the run, or take a later checkpoint");
        }
        Decoder decoder = DecoderFactory.decoder(config, tokenizer.vocabSize(), allocator, 0);
        checkpoint.loadWeights(NamedTensor.of(decoder));
        decoder.parameters().forEach(Parameter::markChanged);
        Rounding.of(decoder);
        return new TrainedModel(decoder, tokenizer, config, checkpoint.state());
    }
}
