"""Which names in a pickle would run code, if anybody called them."""

import builtins

# Nothing a pickle names is ever imported or called here (see pickles.py), so this list guards no door: it tells the
# user that a file was made to attack whoever opens it with ordinary tools. A module stands for all that is in it.
_RUNS_CODE = frozenset(
    """
    os posix nt posixpath ntpath subprocess popen2 commands pty sys
    importlib imp runpy pkgutil zipimport pip setuptools distutils ensurepip venv lib2to3 idlelib
    pickle _pickle cPickle marshal shelve cloudpickle dill joblib
    shutil tempfile glob fileinput io.open _io.open io.open_code _io.open_code io.FileIO _io.FileIO codecs.open
    socket _socket ssl http httplib urllib urllib2 ftplib smtplib imaplib telnetlib requests aiohttp httpx webbrowser
    ctypes _ctypes cffi code codeop pdb bdb timeit trace profile cProfile doctest pydoc
    multiprocessing asyncio _thread threading
    types.FunctionType types.LambdaType types.CodeType types.MethodType operator.attrgetter operator.methodcaller
    _operator.attrgetter _operator.methodcaller
    torch.load torch.serialization.load torch.hub torch.package torch.jit torch.ops torch.classes
    torch.utils.cpp_extension torch._inductor torch._dynamo torch.fx.graph_module
    numpy.load numpy.f2py numpy.distutils numpy.testing pandas.read_pickle pandas.eval
    """.split()  # noqa: SIM905 - ninety quotes more would hide the list
)
_BUILTINS = ("builtins", "__builtin__", "__builtins__")
_BUILTIN_DATA = {name for name, item in vars(builtins).items() if isinstance(item, type) or not callable(item)}
_BUILTIN_DATA |= {"unicode", "long", "xrange"}  # what torch.save calls str, int and range


def runs_code(module: str, name: str) -> bool:
    """Say whether a function, or a module, of this name could run code that the file's author chose.

    Builtin classes and constants (`set`, `Ellipsis`) are data; builtin functions, and names that this Python does not
    know, are not. A dotted name reaches further modules through any module, as `os.system` in `torch.serialization`.
    """
    if module in _BUILTINS:
        return name not in _BUILTIN_DATA
    parts = f"{module}.{name}".split(".")
    prefixes = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return not _RUNS_CODE.isdisjoint(prefixes | set(name.split(".")[:-1]))
