/**
 * How the codes of a weight matrix are chosen: to nearest, or with the error of each column moved into those that follow (GPTQ, LDLQ); and
 * the searches for the scale of a block.
 */
@NullMarked
package org.setun.quant.rounding;

import org.jspecify.annotations.NullMarked;
