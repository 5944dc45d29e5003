/** {@link org.setun.kernels.BlasProvider} over the OpenBLAS that Bytedeco packages. */
@NullMarked
package org.setun.openblas;

import org.jspecify.annotations.NullMarked;
