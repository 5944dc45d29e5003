/**
 * The differentiable operations that layers are made of. Activations are F32[n][d], contiguous; shapes are checked before anything runs.
 */
@NullMarked
package org.setun.nn.function;

import org.jspecify.annotations.NullMarked;
