/** Learning-rate and weight-decay schedules as functions of the step. */
@NullMarked
package org.setun.training.schedule;

import org.jspecify.annotations.NullMarked;
