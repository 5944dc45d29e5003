/** What all file formats share: the error of a bad file, the atomic save, and the scale conventions of Hugging Face BitNet files. */
@NullMarked
package org.setun.formats;

import org.jspecify.annotations.NullMarked;
