"""Many calls at once, ended in every way there is, and then a look at what is left: ``python -m tests.soak``.

Two processes, so that what each leaves behind is measured apart: :mod:`.callers` runs the exchange and the
people on its telephones, :mod:`.program` runs a program of the call SDK. :mod:`.conductor` starts them,
:mod:`.plan` tells both what is to happen in each call, :mod:`.verdict` holds what happened against it.

Rule: nothing is judged by how long it took, only by what was counted.
"""
