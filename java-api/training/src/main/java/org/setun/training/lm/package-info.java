/** Language models from text: corpus, tokenizer, token files, decoder, training, and reading what was trained. */
@NullMarked
package org.setun.training.lm;

import org.jspecify.annotations.NullMarked;
