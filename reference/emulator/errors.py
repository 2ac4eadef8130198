"""What goes wrong in the emulator, told to the author of the kernel."""


class EmulatorError(Exception):
    """A kernel that cannot be translated, compiled or executed; the text says what and where."""


class CompileError(EmulatorError):
    """The kernel's source is not valid, or uses what the emulator does not support."""


class KernelCrash(EmulatorError):
    """The kernel ended the process that it ran in."""


class DeadlineExceeded(EmulatorError):
    """The kernel did not end in time."""
