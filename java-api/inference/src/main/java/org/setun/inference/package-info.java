/**
 * Runs language models: {@link org.setun.inference.InferenceModel} loads and packs a file, {@link org.setun.inference.InferenceSession}
 * holds
 * the keys and values of one text, {@link org.setun.inference.Generator} continues texts with it.
 */
@NullMarked
package org.setun.inference;

import org.jspecify.annotations.NullMarked;
