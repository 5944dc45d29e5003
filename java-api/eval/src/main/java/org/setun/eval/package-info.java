/** Measures language models: {@link org.setun.eval.Perplexity} on a text. */
@NullMarked
package org.setun.eval;

import org.jspecify.annotations.NullMarked;
