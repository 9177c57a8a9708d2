"""The only door to the kernel and to the file system."""
