/** From files, folders and zips to documents, token files and batches; image data sets in the idx format. */
@NullMarked
package org.setun.training.data;

import org.jspecify.annotations.NullMarked;
