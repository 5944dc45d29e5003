/** Tokenizers and the trainer of byte-level BPE. */
@NullMarked
package org.setun.formats.tokenizer;

import org.jspecify.annotations.NullMarked;
