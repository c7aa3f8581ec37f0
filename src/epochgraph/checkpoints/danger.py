"""Which names in a pickle would run code, if anybody called them."""

import builtins

# Nothing that a pickle names is ever imported or called here (see pickles.py), so this list is not a safeguard: it
# tells the user that a file was made to attack whoever opens it with ordinary tools. A module stands for its contents.
_RUNS_CODE = frozenset(
    """
    os posix nt subprocess popen2 pty sys
    importlib imp runpy pkgutil zipimport pip setuptools distutils ensurepip venv lib2to3 idlelib
    pickle _pickle cPickle marshal shelve cloudpickle dill joblib
    shutil tempfile glob fileinput io.open _io.open io.open_code _io.open_code io.FileIO _io.FileIO codecs.open
    socket _socket ssl http httplib urllib urllib2 ftplib smtplib imaplib telnetlib requests aiohttp httpx webbrowser
    ctypes _ctypes cffi pdb bdb pydoc
    multiprocessing asyncio _thread threading
    types.FunctionType types.LambdaType types.CodeType types.MethodType operator.attrgetter operator.methodcaller
    _operator.attrgetter _operator.methodcaller
    torch.load torch.serialization.load torch.hub torch.package torch.jit torch.ops torch.classes
    torch.utils.cpp_extension torch._inductor torch._dynamo torch.fx.graph_module
    numpy.load numpy.f2py numpy.distutils numpy.testing pandas.read_pickle pandas.eval
    """.split()  # noqa: SIM905 - ninety quotes more would hide the list
)
# Modules whose names people also use for their own: only what the standard library's module contains runs code.
_OF_COMMON_NAMES = {
    "code": "interact compile_command InteractiveConsole InteractiveInterpreter",
    "codeop": "compile_command Compile CommandCompiler",
    "commands": "getoutput getstatus getstatusoutput",
    "cProfile": "run runctx Profile main",
    "doctest": "debug debug_script debug_src run_docstring_examples testfile testmod DebugRunner DocTestRunner",
    "profile": "run runctx Profile main",
    "timeit": "main repeat timeit Timer",
    "trace": "main Trace",
}
# Data in modules that can also run code.
_DATA = frozenset(
    """
    os.stat_result posix.stat_result os.terminal_size os.uname_result posix.uname_result http.HTTPStatus http.HTTPMethod
    socket.AddressFamily socket.SocketKind ssl.TLSVersion distutils.version.LooseVersion distutils.version.StrictVersion
    torch._dynamo.decorators._DimRange torch._dynamo.eval_frame.OptimizedModule
    """.split()  # noqa: SIM905 - as above
)
_BUILTINS = ("builtins", "__builtin__", "__builtins__")
ATTRIBUTE_GETTERS = frozenset(f"{module}.getattr" for module in _BUILTINS)
"""How old pickle protocols write a nested class, `getattr(Outer, "Inner")`: the reader checks how it is used."""

_BUILTIN_DATA = {name for name, item in vars(builtins).items() if isinstance(item, type) or not callable(item)}
_BUILTIN_DATA |= {"unicode", "long", "xrange"}  # what torch.save calls str, int and range
_BUILTIN_DATA |= set(
    """
    abs all any ascii bin callable chr divmod format hash hex id isinstance issubclass iter len max min next oct ord pow
    print repr round sorted sum
    """.split()  # noqa: SIM905 - as above
)


def runs_code(module: str, name: str) -> bool:
    """Say whether a function, or a module, of this name could run code that the file's author chose.

    Builtin classes, constants and functions of plain values (`set`, `Ellipsis`, `max`) are data; other builtin
    functions, and names that this Python does not know, are not; of `getattr`, see `ATTRIBUTE_GETTERS`. A dotted name
    reaches further modules through any module, as `os.system` in `torch.serialization`.
    """
    if module in _BUILTINS:
        return name not in _BUILTIN_DATA and f"{module}.{name}" not in ATTRIBUTE_GETTERS
    if f"{module}.{name}" in _DATA:
        return False
    if name.partition(".")[0] in _OF_COMMON_NAMES.get(module, "").split():
        return True
    parts = f"{module}.{name}".split(".")
    prefixes = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return not _RUNS_CODE.isdisjoint(prefixes | set(name.split(".")[:-1]))
