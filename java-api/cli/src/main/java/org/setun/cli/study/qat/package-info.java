/** Studies of training: what quantized models reach beside their twins of full precision. */
@NullMarked
package org.setun.cli.study.qat;

import org.jspecify.annotations.NullMarked;
