/**
 * Ternary products of other libraries beside ours, alternating in one process. The others are loaded from shared libraries that the user
 * built; nothing of theirs is in this project.
 */
package org.setun.benchmarks.peers;
