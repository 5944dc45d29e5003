/** Setun training. */
@NullMarked
package org.setun.training;

import org.jspecify.annotations.NullMarked;
