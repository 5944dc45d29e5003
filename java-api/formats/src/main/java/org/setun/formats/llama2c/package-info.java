/** Checkpoints and tokenizers of llama2.c. */
@NullMarked
package org.setun.formats.llama2c;

import org.jspecify.annotations.NullMarked;
