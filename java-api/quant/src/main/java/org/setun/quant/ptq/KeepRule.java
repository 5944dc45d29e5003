package org.setun.quant.ptq;

import java.util.regex.Pattern;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;

/**
 * A format for the tensors whose name matches a pattern.
 *
 * @param pattern {@code *} stands for any characters, {@code ?} for one; the whole name must match
 */
public record KeepRule(String pattern, WeightFormat format) {

    /**
     * The rule {@code PATTERN=TYPE}, for example {@code token_embd.weight=q8_0} or {@code blk.0.*=pi-q3:k=4}.
     *
     * @throws IllegalArgumentException if it is not of that form or the type is not known
     */
    public static KeepRule parse(String text) {
        int equals = text.indexOf('=');
        if (equals < 1 || equals == text.length() - 1) {
            throw new IllegalArgumentException("keep = '" + text + "' must be PATTERN=TYPE, such as 'token_embd.weight=q8_0'");
        }
        return new KeepRule(text.substring(0, equals), WeightFormats.parse(text.substring(equals + 1)));
    }

    boolean matches(String name) {
        StringBuilder expression = new StringBuilder();
        for (char c : pattern.toCharArray()) {
            expression.append(switch (c) {
                case '*' -> ".*";
                case '?' -> ".";
                default -> Pattern.quote(String.valueOf(c));
            });
        }
        return name.matches(expression.toString());
    }

    @Override
    public String toString() {
        return pattern + "=" + format.name();
    }
}
