package org.setun.training.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Turns one section's tree into its record: names, types and ranges are checked here. */
final class ConfigBinder {

    private final ConfigSource source;
    private final String section;

    ConfigBinder(ConfigSource source, String section) {
        this.source = source;
        this.section = section;
    }

    /** {@code defaults} with the keys that {@code node} sets. */
    Object bind(Object defaults, JsonNode node) {
        if (!node.isObject()) {
            throw new ConfigException(source.at("", section) + section + " = " + node + ": must be a section [" + section + "]");
        }
        Class<?> type = defaults.getClass();
        List<String> keys = ConfigKeys.of(type);
        node.fieldNames().forEachRemaining(key -> {
            if (!keys.contains(key)) {
                throw new ConfigException(source.at(section, key) + section + "." + key + ": unknown key; did you mean "
                        + ConfigKeys.nearest(key, keys) + "?");
            }
        });
        RecordComponent[] components = type.getRecordComponents();
        Object[] values = new Object[components.length];
        for (int i = 0; i < values.length; i++) {
            JsonNode value = node.get(keys.get(i));
            values[i] = value == null ? get(components[i], defaults) : convert(keys.get(i), components[i], value);
        }
        return make(type, values);
    }

    private Object convert(String key, RecordComponent component, JsonNode value) {
        Class<?> type = component.getType();
        Setting setting = component.getAnnotation(Setting.class);
        if (type == int.class || type == long.class) {
            boolean fits = value.isIntegralNumber() && (type == int.class ? value.canConvertToInt() : value.canConvertToLong());
            if (!fits || value.asLong() < setting.min() || value.asLong() > setting.max()) {
                throw refuse(key, value, "an integer" + range(setting));
            }
            return type == int.class ? (Object) value.asInt() : (Object) value.asLong();
        }
        if (type == double.class) {
            double number = value.asDouble();
            if (!value.isNumber() || !Double.isFinite(number) || number < setting.min() || number > setting.max()) {
                throw refuse(key, value, "a number" + range(setting));
            }
            return number;
        }
        if (type == boolean.class) {
            if (!value.isBoolean()) {
                throw refuse(key, value, "true or false");
            }
            return value.asBoolean();
        }
        if (type.isEnum()) {
            return Arrays.stream(type.getEnumConstants()).filter(c -> value.isTextual() && c.toString().toLowerCase(Locale.ROOT)
                    .equals(value.asText())).findFirst().orElseThrow(() -> refuse(key, value, oneOf(type)));
        }
        if (type == List.class) {
            return strings(key, value);
        }
        if (!value.isTextual() && !(setting.numbers() && value.isNumber())) {
            throw refuse(key, value, "a string");
        }
        return value.asText();
    }

    private List<String> strings(String key, JsonNode value) {
        if (value.isTextual()) {
            return List.of(value.asText());
        }
        List<String> items = new ArrayList<>();
        for (JsonNode item : value) {
            if (!item.isTextual()) {
                throw refuse(key, value, "a list of strings");
            }
            items.add(item.asText());
        }
        if (!value.isArray()) {
            throw refuse(key, value, "a list of strings");
        }
        return List.copyOf(items);
    }

    private ConfigException refuse(String key, JsonNode value, String allowed) {
        return new ConfigException(source.at(section, key) + section + "." + key + " = " + value + ": must be " + allowed);
    }

    private static String oneOf(Class<?> type) {
        return Arrays.stream(type.getEnumConstants()).map(c -> '"' + c.toString().toLowerCase(Locale.ROOT) + '"')
                .collect(Collectors.joining(" or "));
    }

    private static String range(Setting setting) {
        boolean below = Double.isFinite(setting.min());
        boolean above = Double.isFinite(setting.max());
        if (below && above) {
            return " in [" + number(setting.min()) + ", " + number(setting.max()) + "]";
        }
        return below ? " of at least " + number(setting.min()) : above ? " of at most " + number(setting.max()) : "";
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }

    static Object get(RecordComponent component, Object record) {
        try {
            return component.getAccessor().invoke(record);
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException("cannot read " + component, e);
        }
    }

    static Object make(Class<?> type, Object[] values) {
        Class<?>[] types = Arrays.stream(type.getRecordComponents()).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            return type.getDeclaredConstructor(types).newInstance(values);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot make " + type, e);
        }
    }
}
