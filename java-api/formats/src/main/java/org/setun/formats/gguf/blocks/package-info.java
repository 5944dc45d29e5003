/** One small class per GGUF block type: how its bytes become fp32. Not exported; {@code Dequantizer} is the way in. */
@NullMarked
package org.setun.formats.gguf.blocks;

import org.jspecify.annotations.NullMarked;
