/** Speed, measured: kernels, calls, and whole training steps. */
package org.setun.benchmarks;
