/** The quickstart: from Java source to a running ternary model in a few minutes. */
@NullMarked
package org.setun.cli.quickstart;

import org.jspecify.annotations.NullMarked;
