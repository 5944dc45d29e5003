/** Codebooks that are parts of the lattice E8, eight values at a time: two bits per value, and three or four with a second stage. */
@NullMarked
package org.setun.quant.lattice;

import org.jspecify.annotations.NullMarked;
