/** Setun eval. */
@NullMarked
package org.setun.eval;

import org.jspecify.annotations.NullMarked;
