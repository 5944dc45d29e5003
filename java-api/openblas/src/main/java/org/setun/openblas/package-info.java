/** Setun openblas. */
@NullMarked
package org.setun.openblas;

import org.jspecify.annotations.NullMarked;
