package org.setun.cli.quickstart;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The text that the quickstart learns from.
 *
 * @param path file, folder or zip
 * @param glob which files of it
 * @param what for the report
 */
public record QuickstartData(Path path, String glob, String what) {

    private static final String HOME_PROPERTY = "setun.home";

    /** {@code given} if it is not null, else the sources of the running JDK, else Setun's own. */
    public static QuickstartData choose(@Nullable Path given) {
        if (given != null) {
            if (!Files.exists(given)) {
                throw new IllegalArgumentException("--data " + given + ": no such file or folder");
            }
            return new QuickstartData(given, "**", given.toString());
        }
        Path jdk = Path.of(System.getProperty("java.home"), "lib", "src.zip");
        if (Files.isRegularFile(jdk)) {
            return new QuickstartData(jdk, "java.base/java/{util,lang,io,time,text,net,nio}/**.java",
                    "Java source of this JDK (" + jdk + ")");
        }
        String home = System.getProperty(HOME_PROPERTY, "");
        if (!home.isEmpty()) {
            return new QuickstartData(Path.of(home, "java-api"), "**.java",
                    "Setun's own Java source, since this JDK has no src.zip: a smaller corpus");
        }
        throw new IllegalArgumentException("this JDK has no src.zip to learn from; name a folder or file of text with --data");
    }
}
