/** What model files hold. */
@NullMarked
package org.setun.cli.inspect;

import org.jspecify.annotations.NullMarked;
