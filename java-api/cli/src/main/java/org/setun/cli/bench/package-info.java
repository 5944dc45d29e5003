/** Timings of single kernels beside the limits of the machine that the same run measured. */
@NullMarked
package org.setun.cli.bench;

import org.jspecify.annotations.NullMarked;
