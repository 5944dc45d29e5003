/** Setun quant. */
@NullMarked
package org.setun.quant;

import org.jspecify.annotations.NullMarked;
