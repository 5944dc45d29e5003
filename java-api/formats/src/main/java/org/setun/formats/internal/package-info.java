/** Byte cursors shared by the readers and writers. */
@NullMarked
package org.setun.formats.internal;

import org.jspecify.annotations.NullMarked;
