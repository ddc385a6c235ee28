"""Other people's files, as bad as they come: each is read, or refused in one clear line.

:mod:`.structures` draws files that look right and are not quite, :mod:`.mutation` changes their bytes, and
:mod:`.targets` reads them and says what a result may hold. ``python -m tests.fuzz`` runs for as long as one likes.
"""
