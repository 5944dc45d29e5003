/** safetensors files: read, validate, write. */
@NullMarked
package org.setun.formats.safetensors;

import org.jspecify.annotations.NullMarked;
