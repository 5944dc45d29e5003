/** Small programs that the documentation shows. */
package org.setun.examples;
