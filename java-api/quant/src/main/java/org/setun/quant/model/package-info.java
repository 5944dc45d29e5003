/** Model files as models: what an architecture name means, and the tensors of a file as the weights of nn's decoder. */
@NullMarked
package org.setun.quant.model;

import org.jspecify.annotations.NullMarked;
