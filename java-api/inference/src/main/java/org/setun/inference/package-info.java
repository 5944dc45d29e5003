/** Setun inference. */
@NullMarked
package org.setun.inference;

import org.jspecify.annotations.NullMarked;
