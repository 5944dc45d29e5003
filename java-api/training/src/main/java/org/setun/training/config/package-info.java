/** Training configuration: typed sections read from TOML, validated, overridden and written back. */
@NullMarked
package org.setun.training.config;

import org.jspecify.annotations.NullMarked;
