/**
 * Low-bit kernels for the JVM: memory pools, backends, and quantized matrices. Needs the JDK alone.
 */
@NullMarked
package org.setun.kernels;

import org.jspecify.annotations.NullMarked;
