from Cython.Build import cythonize
from setuptools import setup

setup(ext_modules=cythonize(["precond_server.pyx", "precond_probe.pyx"], language_level=3), py_modules=[])
