/** Inner workings of {@code org.setun.kernels}; not exported. */
@NullMarked
package org.setun.kernels.internal;

import org.jspecify.annotations.NullMarked;
