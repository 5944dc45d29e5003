/** What happens during a run, as a stream of records, and who listens. */
@NullMarked
package org.setun.training.event;

import org.jspecify.annotations.NullMarked;
