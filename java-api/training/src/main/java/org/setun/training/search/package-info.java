/** Search for good settings: random, tree-structured Parzen estimators, successive halving, over any key of a configuration. */
@NullMarked
package org.setun.training.search;

import org.jspecify.annotations.NullMarked;
