"""The tests of a file as a program, in namespaces of its own."""

import os
import sys
import unittest

from netlab import namespace

SKIPPED = 77  # CTest's SKIP_RETURN_CODE


def run(name, parser, options):
    """Parses the command line into `options` and runs the tests of the program's own file; its exit status."""
    parser.parse_args(namespace=options)
    try:
        namespace.check_allowed()
    except namespace.NotAllowed as reason:
        namespace.become_root_of_own([sys.executable, *sys.argv])
        if os.environ.get("CORETRACK_E2E") == "skip":
            print(f"{name}: skipped: {reason}")
            return SKIPPED
        print(f"{name}: FAILED: {reason}. Run it as root where network namespaces may be made, or say CORETRACK_E2E=skip.")
        return 1
    result = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2, warnings="ignore").result
    return 0 if result.wasSuccessful() else 1
