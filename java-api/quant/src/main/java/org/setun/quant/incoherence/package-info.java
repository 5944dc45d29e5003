/**
 * Incoherence processing (QuIP, arXiv 2307.13304; QuIP#, arXiv 2402.04396): random orthogonal maps on both sides of a weight matrix, after which its values are
 * nearly Gaussian and no outlier dominates a block. {@link org.setun.quant.incoherence.IncoherenceTransform} is the entry.
 */
@NullMarked
package org.setun.quant.incoherence;

import org.jspecify.annotations.NullMarked;
