/** What acts on the loop as it goes: schedules, guards, savers, early stopping, and callbacks of one's own. */
@NullMarked
package org.setun.training.callback;

import org.jspecify.annotations.NullMarked;
