module example.app {
    requires org.setun.kernels;
}
