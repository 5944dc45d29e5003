package org.setun.training;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A second JVM with the class path of this one, so that it can be killed. */
public final class ForkedJvm implements AutoCloseable {

    private final Process process;
    private final BufferedReader out;

    private ForkedJvm(Process process) {
        this.process = process;
        out = process.inputReader();
    }

    public static ForkedJvm start(Class<?> main, String... arguments) throws IOException {
        return start(List.of(), main, arguments);
    }

    /** {@code prefix} is a command that runs the rest of its line, for instance one that sets a limit. */
    public static ForkedJvm start(List<String> prefix, Class<?> main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"))));
        String library = System.getProperty("setun.native.path");
        if (library != null) {
            command.add("-Dsetun.native.path=" + library);
        }
        command.add(main.getName());
        command.addAll(List.of(arguments));
        return new ForkedJvm(new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start());
    }

    /** The next line of its standard output, null at its end. */
    public String line() throws IOException {
        return out.readLine();
    }

    /** As {@code kill -9}. */
    public void kill() throws InterruptedException {
        process.toHandle().destroyForcibly(); // unlike Process.destroyForcibly, this leaves what was printed readable
        process.waitFor();
    }

    /** As {@code kill}: what Ctrl-C does to the shutdown hooks. */
    public int interrupt() throws InterruptedException {
        process.toHandle().destroy();
        return process.waitFor();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    public int waitFor() throws InterruptedException {
        return process.waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
