/** Public data sets: where they are, what they must hash to, and how to fetch them. */
@NullMarked
package org.setun.cli.data;

import org.jspecify.annotations.NullMarked;
