/** What a run minimizes: the terms of its loss by name, penalties of weights and activations, teachers' probabilities on disk. */
@NullMarked
package org.setun.training.loss;

import org.jspecify.annotations.NullMarked;
