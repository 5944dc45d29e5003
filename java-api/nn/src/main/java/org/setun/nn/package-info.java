/** Setun nn. */
@NullMarked
package org.setun.nn;

import org.jspecify.annotations.NullMarked;
