/** Measures of models: bits per byte, perplexity, accuracy, BLEU, and the byte n-gram baseline. */
@NullMarked
package org.setun.training.metric;

import org.jspecify.annotations.NullMarked;
