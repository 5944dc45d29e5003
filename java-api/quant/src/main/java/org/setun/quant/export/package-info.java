/** Writes trained models as GGUF files for this project's inference and for other engines. */
@NullMarked
package org.setun.quant.export;

import org.jspecify.annotations.NullMarked;
