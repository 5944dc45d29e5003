/**
 * Quantizers: what maps latent weights and activations to codes, and how gradients flow back. One implementation of each serves training
 * and export.
 */
@NullMarked
package org.setun.quant;

import org.jspecify.annotations.NullMarked;
