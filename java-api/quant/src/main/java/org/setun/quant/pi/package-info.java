/**
 * The formats whose steps or levels are made with π: pi-q2 and pi-q3 (steps {@code α π / k}), pi-tan2 and pi-tan3 (levels on the tangent).
 * What each is worth against a plain uniform grid with the same search for a scale is measured, not assumed.
 */
@NullMarked
package org.setun.quant.pi;

import org.jspecify.annotations.NullMarked;
