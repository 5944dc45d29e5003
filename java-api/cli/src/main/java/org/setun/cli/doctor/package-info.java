/** What this machine is, what it can do, and whether each kernel computes what the reference computes. */
@NullMarked
package org.setun.cli.doctor;

import org.jspecify.annotations.NullMarked;
