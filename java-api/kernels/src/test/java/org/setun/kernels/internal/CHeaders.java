package org.setun.kernels.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The public C headers, read well enough to know every function, struct and constant. Refuses what it does not understand. */
final class CHeaders {

    /** A field of a struct and where the C ABI of 64-bit platforms puts it. */
    record Field(String name, ValueLayout type, long offset) {
    }

    /** A struct. */
    record Struct(List<Field> fields, long size) {
    }

    private static final Pattern TYPEDEF = Pattern.compile("typedef (int32_t|uint32_t|int64_t|uint64_t) (\\w+);");
    private static final Pattern FUNCTION = Pattern.compile("SETUN_API ([\\w ]+?[ *]+)(\\w+)\\(([^)]*)\\);");
    private static final Pattern STRUCT = Pattern.compile("typedef struct (\\w+) \\{([^}]*)\\} (\\w+);");
    private static final Pattern ENUM = Pattern.compile("enum \\{([^}]*)\\};");

    private final Map<String, ValueLayout> types = new HashMap<>(Map.of("int32_t", ValueLayout.JAVA_INT, "uint32_t", ValueLayout.JAVA_INT,
            "int64_t", ValueLayout.JAVA_LONG, "uint64_t", ValueLayout.JAVA_LONG, "float", ValueLayout.JAVA_FLOAT, "double",
            ValueLayout.JAVA_DOUBLE));
    final Map<String, FunctionDescriptor> functions = new TreeMap<>();
    final Map<String, Struct> structs = new TreeMap<>();
    final Map<String, Long> constants = new TreeMap<>();

    CHeaders(Path folder) {
        StringBuilder all = new StringBuilder();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                all.append(Files.readString(file));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Matcher version = Pattern.compile("#define (SETUN_ABI_VERSION) (\\d+)").matcher(all);
        while (version.find()) {
            constants.put(version.group(1), Long.parseLong(version.group(2)));
        }
        parse(all.toString().replaceAll("(?s)/\\*.*?\\*/", " ").replaceAll("(?m)^#.*$", " ").replaceAll("\\s+", " "));
    }

    private void parse(String text) {
        Matcher m = TYPEDEF.matcher(text);
        while (m.find()) {
            types.put(m.group(2), types.get(m.group(1)));
        }
        m = STRUCT.matcher(text);
        while (m.find()) {
            structs.put(m.group(3), struct(m.group(2)));
        }
        m = ENUM.matcher(text);
        while (m.find()) {
            for (String constant : m.group(1).trim().split(",")) {
                String[] nameAndValue = constant.trim().split(" = ");
                String[] shift = nameAndValue[1].split(" << ");
                constants.put(nameAndValue[0], Long.parseLong(shift[0]) << (shift.length > 1 ? Integer.parseInt(shift[1]) : 0));
            }
        }
        m = FUNCTION.matcher(text);
        while (m.find()) {
            List<ValueLayout> arguments = new ArrayList<>();
            if (!m.group(3).equals("void")) {
                for (String parameter : m.group(3).split(",")) {
                    arguments.add(type(parameter.trim().replaceAll("\\w+$", "")));
                }
            }
            functions.put(m.group(2), FunctionDescriptor.of(type(m.group(1)), arguments.toArray(ValueLayout[]::new)));
        }
        long declared = Pattern.compile("SETUN_API ").matcher(text).results().count();
        if (declared != functions.size()) {
            throw new IllegalStateException("understood " + functions.size() + " of " + declared + " functions");
        }
    }

    private Struct struct(String body) {
        List<Field> fields = new ArrayList<>();
        long end = 0;
        long alignment = 1;
        for (String declaration : body.split(";")) {
            String trimmed = declaration.trim();
            if (trimmed.isEmpty()) {
                continue;
            }
            String[] names = trimmed.split(",");
            ValueLayout type = type(names[0].replaceAll("\\w+$", ""));
            for (String name : names) {
                long offset = (end + type.byteSize() - 1) / type.byteSize() * type.byteSize();
                fields.add(new Field(name.replaceAll("^.*\\W(\\w+)$", "$1"), type, offset));
                end = offset + type.byteSize();
                alignment = Math.max(alignment, type.byteSize());
            }
        }
        return new Struct(fields, (end + alignment - 1) / alignment * alignment);
    }

    private ValueLayout type(String text) {
        if (text.contains("*")) {
            return ValueLayout.ADDRESS;
        }
        ValueLayout type = types.get(text.replace("const ", "").trim());
        if (type == null) {
            throw new IllegalStateException("unknown C type '" + text + "'");
        }
        return type;
    }
}
