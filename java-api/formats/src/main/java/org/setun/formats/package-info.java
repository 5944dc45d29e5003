/** Setun formats. */
@NullMarked
package org.setun.formats;

import org.jspecify.annotations.NullMarked;
