/** The setun command. */
module org.setun.cli {
    requires org.setun.inference;
    requires org.setun.training;
    requires org.setun.eval;
    requires static org.jspecify;
}
