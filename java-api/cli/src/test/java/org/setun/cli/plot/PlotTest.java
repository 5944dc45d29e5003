package org.setun.cli.plot;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PlotTest {

    private static final Curve FALLING = new Curve("ternary", new double[]{0, 50, 100}, new double[]{8, 4, 2});

    @Test
    void terminalPlotPutsPointsWhereTheyBelong() {
        List<String> lines = TerminalPlot.render(List.of(FALLING), 21, 5).lines().toList();
        assertThat(lines.get(0)).isEqualTo("        8 |*");
        assertThat(lines.get(4)).isEqualTo("        2 |" + " ".repeat(20) + "*");
        assertThat(lines.get(6).strip()).startsWith("0").endsWith("100");
        assertThat(lines.get(7)).contains("* ternary");
    }

    @Test
    void terminalPlotLeavesOutWhatIsNotFinite() {
        Curve broken = new Curve("nan", new double[]{0, 1}, new double[]{Double.NaN, 1});
        assertThat(TerminalPlot.render(List.of(broken), 10, 3).lines().limit(3).filter(line -> line.contains("*"))).hasSize(1);
        assertThat(TerminalPlot.render(List.of(), 10, 3)).contains("nothing");
    }

    @Test
    void writesSvgAndPng(@TempDir Path folder) throws Exception {
        Path svg = folder.resolve("curve.svg");
        Path png = folder.resolve("curve.png");
        ChartFile.write(svg, "Held-out", "step", "bits per byte", List.of(FALLING));
        ChartFile.write(png, "Held-out", "step", "bits per byte", List.of(FALLING));
        DocumentBuilderFactory parser = DocumentBuilderFactory.newInstance();
        parser.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
        assertThat(parser.newDocumentBuilder().parse(svg.toFile()).getDocumentElement().getTagName()).isEqualTo("svg");
        assertThat(ImageIO.read(png.toFile()).getWidth()).isEqualTo(900);
        assertThat(Files.size(svg)).isGreaterThan(2000);
        assertThatThrownBy(() -> ChartFile.write(folder.resolve("x.gif"), "", "", "", List.of(FALLING))).hasMessageContaining(".svg");
    }
}
