/** Studies that compare ways to quantize on equal terms and print tables: {@code setun study}. */
@NullMarked
package org.setun.cli.study;

import org.jspecify.annotations.NullMarked;
