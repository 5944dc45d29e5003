/** Curves, on the terminal and as files. */
@NullMarked
package org.setun.cli.plot;

import org.jspecify.annotations.NullMarked;
