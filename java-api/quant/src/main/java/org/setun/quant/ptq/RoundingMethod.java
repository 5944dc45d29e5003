package org.setun.quant.ptq;

/** How values become codes. */
public enum RoundingMethod {
    /** Each to the nearest. */
    NEAREST,
    /** Column by column, the error of each moved to those that follow through the inverse Hessian (arXiv 2210.17323). */
    GPTQ,
    /** The same by the Hessian's triangular factor, in blocks of a lattice's dimension (arXiv 2307.13304). */
    LDLQ
}
