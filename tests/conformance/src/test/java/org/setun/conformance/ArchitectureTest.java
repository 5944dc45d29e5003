package org.setun.conformance;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.net.URL;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

/** Imports go one way, and what is internal stays inside its module. */
class ArchitectureTest {

    /** A module and those that it may use. */
    private static final Map<String, Set<String>> MAY_USE = Map.of("kernels", Set.of(), "openblas", Set.of("kernels"), "formats",
            Set.of("kernels"), "nn", Set.of("kernels"), "quant", Set.of("kernels", "formats", "nn"), "inference",
            Set.of("kernels", "formats", "nn", "quant"), "training", Set.of("kernels", "formats", "nn", "quant"), "eval",
            Set.of("kernels", "formats", "nn", "quant", "inference"), "cli",
            Set.of("kernels", "openblas", "formats", "nn", "quant", "inference", "training", "eval"));

    private static final JavaClasses CLASSES = new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .withImportOption(location -> !location.contains("setun-test-support") && !location.contains("/tests/"))
            .importPackages("org.setun");

    static Stream<String> modules() {
        return MAY_USE.keySet().stream().sorted();
    }

    private static String inside(String module) {
        return "org.setun." + module + "..";
    }

    @Test
    void everyModuleIsNamedHere() {
        Set<String> found = new TreeSet<>();
        CLASSES.forEach(type -> found.add(type.getPackageName().split("\\.")[2]));
        assertThat(found).isEqualTo(new TreeSet<>(MAY_USE.keySet()));
    }

    @ParameterizedTest
    @MethodSource("modules")
    void aModuleUsesOnlyThoseBelowIt(String module) {
        String[] allowed = Stream.concat(Stream.of(module), MAY_USE.get(module).stream()).map(ArchitectureTest::inside)
                .toArray(String[]::new);
        DescribedPredicate<JavaClass> forbidden = resideInAPackage("org.setun..").and(DescribedPredicate.not(resideInAnyPackage(allowed)));
        noClasses().that().resideInAPackage(inside(module)).should().dependOnClassesThat(forbidden).check(CLASSES);
    }

    @ParameterizedTest
    @MethodSource("modules")
    void internalPackagesStayInsideTheirModule(String module) {
        classes().that().resideInAPackage("org.setun." + module + "..internal..").should().onlyHaveDependentClassesThat()
                .resideInAPackage(inside(module)).allowEmptyShould(true).check(CLASSES);
    }

    @Test
    void kernelsNeedTheJdkAlone() {
        classes().that().resideInAPackage(inside("kernels")).should().onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "org.jspecify..", inside("kernels")).check(CLASSES);
    }

    @Test
    void noModuleExportsAnInternalPackage() throws IOException {
        Set<String> modules = new TreeSet<>();
        for (URL url : Collections.list(getClass().getClassLoader().getResources("module-info.class"))) {
            try (InputStream in = url.openStream()) {
                ModuleDescriptor descriptor = ModuleDescriptor.read(in);
                if (descriptor.name().startsWith("org.setun")) {
                    modules.add(descriptor.name().replace("org.setun.", ""));
                    assertThat(descriptor.exports()).as(descriptor.name())
                            .noneMatch(export -> export.source().contains(".internal") && !export.isQualified());
                }
            }
        }
        assertThat(modules).isEqualTo(new TreeSet<>(MAY_USE.keySet()));
    }
}
