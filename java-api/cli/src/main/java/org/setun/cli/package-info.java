/** Setun cli. */
@NullMarked
package org.setun.cli;

import org.jspecify.annotations.NullMarked;
