"""Says that the extension of this name was not built; where it was, it is found before this file."""

raise ImportError(
    "precond._core: precond was installed without its C extension, which its C API is a part of: there was no"
    " wheel with it for this platform, or PRECOND_NO_EXTENSIONS=1 was set when it was built"
)
