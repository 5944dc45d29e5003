/** Folders that hold the state of a run: saved atomically, verified when read, limited in number. */
@NullMarked
package org.setun.training.checkpoint;

import org.jspecify.annotations.NullMarked;
