/** Schedules of quantization: how weights become quantized in the course of training. */
@NullMarked
package org.setun.training.progressive;

import org.jspecify.annotations.NullMarked;
