/** The executable specification of the kernels in plain Java: oracle of the tests, fallback where no native library exists. */
@NullMarked
package org.setun.kernels.reference;

import org.jspecify.annotations.NullMarked;
