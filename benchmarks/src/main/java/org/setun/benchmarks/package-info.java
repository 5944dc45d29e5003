/** JMH benchmarks of kernels, calls and training steps. Each set-up checks the native result against the reference before it is timed. */
@NullMarked
package org.setun.benchmarks;

import org.jspecify.annotations.NullMarked;
