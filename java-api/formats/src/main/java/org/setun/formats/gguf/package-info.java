/** GGUF files: read, validate, dequantize, write. */
@NullMarked
package org.setun.formats.gguf;

import org.jspecify.annotations.NullMarked;
