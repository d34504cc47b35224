"""One notebook run from its first cell to its last, in a kernel of its own that nobody else can reach.

The kernel is this Python; it is spoken to by sockets in a folder of its own, not by ports, and keeps no history. What
its own children print it takes on loopback.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode

from market import errors
from market.errors import AssayError

PARAMETERS = "parameters"  # the tag of the cell whose values are given
_QUIET = {"MPLBACKEND": "agg", "PYDEVD_DISABLE_FILE_VALIDATION": "1", "PYTHONWARNINGS": "ignore:IProgress not found"}


def executed(source: Path, parameters: Mapping[str, str], seconds: int) -> NotebookNode:
    """Return the notebook that the script `source` (jupytext, percent) is, with the outputs of all its cells.

    `parameters` are the names that its cell tagged `parameters` assigns, and their values; `seconds` is the patience
    with one cell. A cell that fails raises an error of its own kind that names notebook and cell; one that is not ours
    is an AssayError.
    """
    notebook = _with(jupytext.read(source, fmt="py:percent"), parameters)
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        manager = AsyncKernelManager(
            transport="ipc",
            connection_file=f"{folder}/kernel.json",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # no kernel but this Python
        )
        client = NotebookClient(notebook, km=manager, timeout=seconds, record_timing=False)
        try:
            client.execute(env=os.environ | _QUIET | {"IPYTHONDIR": folder})
        except CellExecutionError as error:
            raise _complaint(source, notebook, error) from None
        except CellTimeoutError:
            raise AssayError(f"{_place(source, notebook)} took more than {seconds} seconds.") from None
        except DeadKernelError:
            raise AssayError(f"{_place(source, notebook)} ended the kernel: out of memory?") from None
        finally:
            if manager.has_kernel:
                run_sync(manager.shutdown_kernel)(now=True)
    return notebook


def to_text(notebook: NotebookNode) -> str:
    """Return an executed notebook as the text of an .ipynb file, the same text for the same outputs."""
    return nbformat.writes(notebook) + "\n"


def _with(notebook: NotebookNode, parameters: Mapping[str, str]) -> NotebookNode:
    """Return the notebook with the values of its parameters, cells named by their place, for this Python's kernel."""
    notebook.metadata = NotebookNode(kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"})
    for at, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{at:02}"
        if PARAMETERS in cell.metadata.get("tags", []):
            cell.source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    return notebook


def _complaint(source: Path, notebook: NotebookNode, error: CellExecutionError) -> AssayError:
    """Return the error of a cell as one of ours, of the same kind where it is one."""
    found = getattr(errors, error.ename, None)
    ours = isinstance(found, type) and issubclass(found, AssayError)
    kind: type[AssayError] = found if ours else AssayError  # type: ignore[assignment]
    told = error.evalue if ours else f"{error.ename}: {error.evalue}"
    return kind(f"{_place(source, notebook)} failed: {' '.join(told.split())}")


def _place(source: Path, notebook: NotebookNode) -> str:
    """Return which cell was at work: the last one that was begun, by its number, its first line and its heading."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    begun = [at for at, cell in enumerate(code) if cell.execution_count is not None or cell.outputs]
    at = max(begun, default=0)
    before = notebook.cells[: notebook.cells.index(code[at])]
    headings = [line.lstrip("# ") for cell in before for line in _headings(cell)]
    under = f' under "{headings[-1]}"' if headings else ""
    first = code[at].source.strip().splitlines()[0]
    return f"notebooks/{source.name}: code cell {at + 1}{under} (`{first}`)"


def _headings(cell: Any) -> list[str]:
    return [line for line in cell.source.splitlines() if line.startswith("#")] if cell.cell_type == "markdown" else []
