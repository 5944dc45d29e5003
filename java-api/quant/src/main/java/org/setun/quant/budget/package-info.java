/** Which format each tensor of a model gets, so that the whole stays within a number of bytes. */
@NullMarked
package org.setun.quant.budget;

import org.jspecify.annotations.NullMarked;
